from copy import deepcopy

import pytest

from loadtest.numbers.recording import Generator
from loadtest.numbers.result import Round
from loadtest.numbers.slowed import factor, is_calmer_again, is_slowed, swapped, with_repeat

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


def test_a_repeat_stays_inside_its_round_with_the_reason_and_takes_its_place_when_swapped() -> None:
    rounds = [measured(place, cpu) for place, cpu in enumerate(PUBLISHED, 1)]
    first, again = deepcopy(rounds[3]), measured(4, 80.0)
    kept = with_repeat(rounds[3], again, rounds)
    assert kept.generator == first.generator
    (other,) = kept.repeats
    assert (
        other.why
        == "measured again: the generator's CPU time a request was 2.1 times the lowest of this variant's rounds"
    )
    assert other.model_dump(exclude={"why"}) == again.model_dump(exclude={"repeats"})
    better = swapped(kept)
    assert better.model_dump(exclude={"repeats"}) == again.model_dump(exclude={"repeats"})
    assert better.repeats[0].model_dump(exclude={"why"}) == first.model_dump(exclude={"repeats"})
    third = swapped(with_repeat(better, measured(4, 78.0), rounds))
    assert [len(third.repeats), "repeats" in third.repeats[1].model_dump()] == [2, False]
    assert "another variant's part" in with_repeat(rounds[0], measured(1, 80.0), rounds).repeats[0].why


@pytest.mark.parametrize(
    ("again", "calmer"), [((80.0, 81.0), True), ((190.0, 78.0), False), ((80.0, 190.0), False), ((80.0, None), False)]
)
def test_the_generators_worst_cpu_time_decides_for_all_of_a_round(
    again: tuple[float, float | None], calmer: bool
) -> None:
    both = []
    for first, second in zip((161.9, 80.0), again, strict=True):
        rounds = [measured(1, 76.6), measured(2, first)]
        repeat = measured(2, second or 80.0, requests=1000 if second else 50)
        rounds[1] = with_repeat(rounds[1], repeat, rounds)
        both.append((rounds[1], rounds))
    assert is_calmer_again(both) is calmer
