"""Which passes are tried for a goal, and in which order."""

from pathlib import Path

import pytest

from models.runtime.batching import read_measured
from models.runtime.store import read_build, stored
from service.builds.asked import Goal, cards, recipe_with
from service.builds.errors import NotAccepted
from service.builds.goals import candidates, limit_ms


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
    assert found[-1].expected_ms == measured["int8"].p50_ms  # what is there was measured


def test_a_speedup_is_of_the_teachers_time(built: Path) -> None:
    measured = read_measured(built / "teacher")
    assert measured is not None
    assert limit_ms(Goal(speedup=4.0), {"teacher": measured}) == pytest.approx(measured.p50_ms / 4)
    assert limit_ms(Goal(under_ms=1.5), {}) == 1.5
    with pytest.raises(NotAccepted, match="has not been measured"):
        limit_ms(Goal(speedup=4.0), {})
