import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.prove.confidence import auroc
from models.report.delong import auroc_difference

CONFIDENCES = st.lists(st.tuples(*[st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9])] * 2), min_size=1, max_size=20)


@given(CONFIDENCES, CONFIDENCES)
def test_it_is_the_difference_of_the_areas_and_turns_with_its_sides(
    inside: list[tuple[float, float]], outside: list[tuple[float, float]]
) -> None:
    ones, others = (tuple(np.array(part) for part in zip(*rows, strict=True)) for rows in (inside, outside))
    there = auroc_difference((ones[0], ones[1]), (others[0], others[1]), 0.05)
    back = auroc_difference((ones[1], ones[0]), (others[1], others[0]), 0.05)
    assert there.value == pytest.approx(auroc(ones[0], others[0]) - auroc(ones[1], others[1]))
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))
    assert there.low <= there.value <= there.high


def test_a_classifier_does_not_differ_from_itself() -> None:
    generator = np.random.default_rng(0)
    inside, outside = generator.random(50), generator.random(30)
    same = auroc_difference((inside, inside), (outside, outside), 0.05)
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_the_interval_is_as_wide_as_the_differences_spread() -> None:
    generator = np.random.default_rng(1)

    def draw(rows: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
        shared = generator.normal(shift, 1, rows)
        return shared + generator.normal(0, 0.6, rows), shared + generator.normal(0, 0.9, rows)

    drawn = [auroc_difference(draw(120, 1.0), draw(80, 0.0), 0.05) for _ in range(400)]
    spread = np.std([difference.value for difference in drawn])
    assert np.mean([(difference.high - difference.low) / 2 / 1.96 for difference in drawn]) == pytest.approx(
        spread, rel=0.12
    )
