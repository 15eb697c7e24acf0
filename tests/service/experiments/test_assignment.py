"""Assignment is the same everywhere, within chance of the weights, and moves no more than it must."""

import math
import subprocess
import sys
from collections import Counter

from service.experiments.assignment import Assigner
from service.experiments.definition import Experiment

UNITS = 200_000


def experiment(traffic: float = 1.0, salt: str = "salt", mode: str = "split", **weights: float) -> Experiment:
    arms = [{"variant": name, "weight": weight} for name, weight in weights.items()]
    given = {"name": "x", "salt": salt, "control": "teacher", "arms": arms, "traffic": traffic, "mode": mode}
    return Experiment.model_validate(given)


def arms_of(experiment: Experiment, units: int = UNITS) -> list[str]:
    assigner = Assigner(experiment)
    return [assigner.assign(f"user-{number}").arm for number in range(units)]


def holds(count: int, share: float, units: int = UNITS) -> bool:
    """Within four standard deviations of a binomial."""
    return abs(count - share * units) < 4 * math.sqrt(units * share * (1 - share))


def test_weights_and_traffic_hold_within_chance() -> None:
    counts = Counter(arms_of(experiment(0.3, teacher=0.7, int8=0.2, nano=0.1)))
    assert holds(counts[""], 0.7)
    for arm, weight in (("teacher", 0.7), ("int8", 0.2), ("nano", 0.1)):
        assert holds(counts[arm], 0.3 * weight)


def test_another_process_assigns_alike() -> None:
    given = experiment(0.5, teacher=0.5, nano=0.5)
    code = (
        "from tests.service.experiments.test_assignment import arms_of, experiment\n"
        "print(','.join(arms_of(experiment(0.5, teacher=0.5, nano=0.5), 500)))"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip().split(",") == arms_of(given, 500)


def test_more_traffic_moves_only_new_units() -> None:
    before, after = (arms_of(experiment(share, teacher=0.5, nano=0.5)) for share in (0.1, 0.2))
    moved = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    assert {old for old, _ in moved} == {""}
    assert holds(len(moved), 0.1)


def test_more_weight_moves_only_units_to_it() -> None:
    before, after = arms_of(experiment(teacher=0.9, nano=0.1)), arms_of(experiment(teacher=0.8, nano=0.2))
    moved = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    assert set(moved) == {("teacher", "nano")}
    assert holds(len(moved), 0.1)


def test_an_arm_that_keeps_its_weight_loses_none_to_the_others_and_no_more_than_it_must() -> None:
    before = arms_of(experiment(teacher=0.5, int8=0.3, nano=0.2))
    after = arms_of(experiment(teacher=0.5, int8=0.2, nano=0.3))
    assert not [pair for pair in zip(before, after, strict=True) if pair in {("nano", "int8"), ("nano", "teacher")}]
    assert not [pair for pair in zip(before, after, strict=True) if pair == ("teacher", "int8")]


def test_salts_assign_independently() -> None:
    one, other = (arms_of(experiment(salt=salt, teacher=0.5, nano=0.5), 50_000) for salt in ("a", "b"))
    assert holds(sum(a == b for a, b in zip(one, other, strict=True)), 0.5, 50_000)


def test_in_the_shadow_the_control_answers_everybody() -> None:
    assert set(arms_of(experiment(mode="shadow", teacher=1.0, nano=0.0), 100)) == {"teacher"}


def test_a_unit_may_be_any_text() -> None:
    assigner = Assigner(experiment(teacher=0.5, nano=0.5))
    found = {assigner.assign(unit).unit for unit in ("", "ü", "\udc80", "x" * 10_000, "1", "01")}
    assert {len(unit) for unit in found} == {16}
    assert len(found) == 6
