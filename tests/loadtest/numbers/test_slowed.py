from copy import deepcopy

import pytest

from loadtest.numbers.recording import Generator
from loadtest.numbers.result import Round
from loadtest.numbers.slowed import calmer, factor, is_slowed

PUBLISHED = [
    77.8,
    76.6,
    155.3,
    161.9,
    76.6,
]  # µs a request in the five SingleStream rounds of a published run, whose third and fourth were slow


def measured(number: int, cpu_us: float, requests: int = 1000) -> Round:
    return Round(round=number, requests=requests, seconds=2.0, generator=Generator(cpu_share=cpu_us * requests / 2e6))


def test_rounds_whose_requests_cost_the_generator_twice_as_much_are_out_of_line() -> None:
    rounds = [measured(place, cpu) for place, cpu in enumerate(PUBLISHED, 1)]
    assert [is_slowed(one, rounds) for one in rounds] == [False, False, True, True, False]
    assert factor(rounds[3], rounds) == pytest.approx(161.9 / 76.6)


def test_a_few_requests_or_an_unknown_generator_tell_nothing() -> None:
    rounds = [measured(1, 80.0), measured(2, 800.0, requests=99), measured(3, 0.0)]
    assert [is_slowed(one, rounds) for one in rounds] == [False, False, False]


@pytest.mark.parametrize(("second", "kept_cpu"), [(80.0, 80.0), (190.0, 161.9)])
def test_the_generators_cpu_time_decides_which_is_kept_and_the_other_stays_with_the_reason(
    second: float, kept_cpu: float
) -> None:
    rounds = [measured(place, cpu) for place, cpu in enumerate(PUBLISHED, 1)]
    first, again = deepcopy(rounds[3]), measured(4, second)
    better = calmer(rounds[3], again, rounds)
    assert better.generator.cpu_share == pytest.approx(kept_cpu * 1000 / 2e6)
    (other,) = better.repeats
    assert (
        other.why
        == "measured again: the generator's CPU time a request was 2.1 times the lowest of this variant's rounds"
    )
    assert other.model_dump(exclude={"why"}) == (first if second == kept_cpu else again).model_dump(exclude={"repeats"})
    third = calmer(better, measured(4, 78.0), rounds)
    assert [len(third.repeats), "repeats" in third.repeats[1].model_dump()] == [2, False]
