import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.evidence.blocks import Blocks
from service.evidence.difference import Verdict
from service.evidence.split import split

WEIGHTS = st.sampled_from([0.1, 0.2, 0.3, 0.5, 0.8, 0.9])


def blocks_of(control: list[int], arm: list[int], weight: float, seed: int) -> Blocks:
    """The blocks of the arms' outcomes, which come in a random order, each arm's own kept."""
    order = [True] * len(control) + [False] * len(arm)
    random.Random(seed).shuffle(order)
    found, left = Blocks(weight, 1 - weight), {True: iter(control), False: iter(arm)}
    for is_control in order:
        found.add(is_control, next(left[is_control]))
    return found


@given(st.lists(st.integers(0, 1), max_size=60), st.lists(st.integers(0, 1), max_size=60), WEIGHTS)
def test_the_order_between_the_arms_does_not_matter(control: list[int], arm: list[int], weight: float) -> None:
    found = blocks_of(control, arm, weight, 1)
    assert found.counts == blocks_of(control, arm, weight, 2).counts
    complete = min(len(control) // found.control_per_block, len(arm) // found.arm_per_block)
    assert sum(found.counts.values()) == complete


@pytest.mark.parametrize(("weight", "sizes"), [(0.5, (1, 1)), (0.9, (9, 1)), (0.1, (1, 9)), (0.75, (3, 1))])
def test_blocks_follow_the_weights(weight: float, sizes: tuple[int, int]) -> None:
    found = Blocks(weight, 1 - weight)
    assert (found.control_per_block, found.arm_per_block) == sizes


def test_a_block_is_the_next_outcomes_of_either_arm() -> None:
    found = Blocks(3, 1)
    for is_control, value in [(True, 1), (True, 1), (False, 1), (True, 0), (True, 0), (False, 0)]:
        found.add(is_control, value)
    assert dict(found.counts) == {2 / 3 - 1: 1}


@given(st.lists(st.integers(0, 1), min_size=1, max_size=200), st.lists(st.integers(0, 1), min_size=1, max_size=200))
def test_swapping_control_and_arm_mirrors(control: list[int], arm: list[int]) -> None:
    found = split(blocks_of(control, arm, 0.5, 1).counts, margin=0.01, alpha=0.05)
    mirrored = split(blocks_of(arm, control, 0.5, 1).counts, margin=0.01, alpha=0.05)
    assert mirrored.drop == -found.drop
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low), abs=1e-7)


def test_a_difference_is_found_whichever_arm_is_the_larger() -> None:
    generator = random.Random(0)
    for weight in (0.5, 0.8, 0.2):
        control = [int(generator.random() < 0.92) for _ in range(round(30_000 * weight))]
        arm = [int(generator.random() < 0.87) for _ in range(round(30_000 * (1 - weight)))]
        found = blocks_of(control, arm, weight, 1)
        said = split(found.counts, margin=0.01, alpha=0.05, arm_per_block=found.arm_per_block)
        assert said.verdict is Verdict.WORSE
        assert said.n == pytest.approx(len(arm), rel=0.01)
        assert said.low < 0.05 < said.high


def test_extreme_counts() -> None:
    assert split({}, margin=0.01, alpha=0.05).n == 0
    many = Counter({number / 9 - right: 10**7 for number in range(10) for right in (0, 1)})
    assert split(many, margin=0.01, alpha=0.05).verdict is Verdict.NOT_WORSE
