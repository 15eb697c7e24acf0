import pytest

from loadtest.scenarios.single_stream import SCENARIO
from loadtest.search.default_limit import default_limit, readable
from tests.loadtest.rounds import round_of


@pytest.mark.parametrize(
    ("value", "limit"),
    [
        (34.1, 30),
        (33.0, 30),
        (36.6, 40),
        (1.02, 1),
        (9.2, 10),
        (0.0063, 0.006),
        (1220.0, 1000),
        (1250.0, 1500),
        (17.0, 15),
        (99.0, 100),
    ],
)
def test_a_limit_is_a_number_that_a_person_can_say(value: float, limit: float) -> None:
    assert readable(value) == limit


def test_two_runs_that_differ_by_a_few_percent_mostly_have_the_same_limit() -> None:
    values = [1.02**power for power in range(700)]
    same = sum(readable(value) == readable(1.05 * value) for value in values)
    assert same > 0.75 * len(values)


def limit(*rounds: tuple[float, int]) -> tuple[float, str] | None:
    """The limit of a teacher with rounds of so many answers at such a time in ms."""
    return default_limit(
        "teacher",
        SCENARIO.percentile([round_of({time: count}, number) for number, (time, count) in enumerate(rounds)], 99.0)[0],
    )


def test_the_default_is_five_times_the_baselines_p99_and_says_so() -> None:
    assert limit((6.8, 600), (7.0, 800)) == (30.0, "5 times teacher's p99 of 6.9 ms, rounded")
    assert limit((6.8, 400), (7.0, 800)) is not None  # together they are enough


def test_a_baseline_with_too_few_answers_has_no_default() -> None:
    assert limit() is None
    assert limit((6.8, 400), (6.8, 500)) is None
