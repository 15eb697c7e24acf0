"""Which passes are tried for a goal, and in which order."""

from pathlib import Path
from typing import Any

import pytest

from models.runtime.batching import read_measured
from models.runtime.store import read_build, stored
from service.builds.asked import Goal, cards, recipe_with
from service.builds.errors import NotAccepted
from service.builds.goals import NOT_TRIED, Candidate, candidates, limit_ms, measured_here, ruled_out, unmet
from tests.service.builds.conftest import change


def test_every_candidate_can_be_built_and_the_cheapest_comes_first(built: Path) -> None:
    build = read_build(built)
    known, teacher = cards(build), stored(build.variants["teacher"].tag)
    measured = {name: found for name in known if (found := read_measured(built / name)) is not None}
    found = candidates(teacher, build, known, measured)
    for candidate in found:
        assert recipe_with(build, known, "goal", candidate.passes, teacher)
        assert candidate.expected_ms > 0
    layers = [entry["distill"]["layers"] for one in found for entry in one.passes if "distill" in entry]
    assert layers == sorted(layers) and layers[0] == 1
    assert found[-1].passes == [{"quantize": {}}]
    assert found[-1].expected_ms == measured["int8"].mean_ms  # what is there was measured


def test_a_speedup_is_of_the_teachers_time(built: Path) -> None:
    measured = read_measured(built / "teacher")
    assert measured is not None
    assert limit_ms(Goal(speedup=4.0), {"teacher": measured}) == pytest.approx(measured.mean_ms / 4)
    assert limit_ms(Goal(under_ms=1.5), {}) == 1.5
    with pytest.raises(NotAccepted, match="has not been measured"):
        limit_ms(Goal(speedup=4.0), {})


def test_what_another_processor_took_says_nothing_here(copied: Path) -> None:
    build = read_build(copied)
    known, teacher = cards(build), stored(build.variants["teacher"].tag)
    assert measured_here(copied, known).keys() == known.keys()
    for name in known:
        change(copied / name / "measured.json", conditions={"cpu": "another"})
    assert measured_here(copied, known) == {}
    with pytest.raises(NotAccepted, match="not been measured on this kind of processor"):
        limit_ms(Goal(speedup=4.0), measured_here(copied, known))
    found = candidates(teacher, build, known, measured_here(copied, known))
    assert [one.expected_ms for one in found] == [0.0] * len(found)
    assert not any(ruled_out(one, 0.001, known) for one in found), "nothing that was measured rules it out"


def test_what_is_too_slow_or_cannot_be_trained_is_not_tried(built: Path) -> None:
    known = cards(read_build(built))
    assert "expected to take 2.00 ms" in ruled_out(Candidate([{"quantize": {}}], 2.0), 1.0, known)
    assert ruled_out(Candidate([{"quantize": {}}], 1.4), 1.0, known) == ""
    graph = {**known, "teacher": known["teacher"].model_copy(update={"libraries": {}})}
    assert "ONNX graph" in ruled_out(Candidate([{"distill": {"layers": 1}}], 0.1), 1.0, graph)


def test_what_came_nearest_to_a_goal_was_tried() -> None:
    def one(name: str, outcome: str, reason: str, mean: float | None = None) -> dict[str, Any]:
        figures = {} if mean is None else {"measured": {"p50_ms": 0.0, "mean_ms": mean}}
        return {"passes": [{name: {}}], "outcome": outcome, "reason": reason, "figures": figures}

    skipped, failed = one("distill", NOT_TRIED, "it is expected to take 9 ms"), one("trim", "failed", "no data")
    slow, slower = one("prune", "too slow", "2 ms", 2.0), one("quantize", "too slow", "3 ms", 3.0)
    assert "the best is prune with 2 ms" in unmet([skipped, failed, slower, slow], 1.0)
    assert unmet([skipped, failed], 1.0).endswith("; the last that was tried is trim: no data")
    assert unmet([skipped], 1.0).endswith(
        ", and nothing was tried: of distill, the fastest, it is expected to take 9 ms"
    )
