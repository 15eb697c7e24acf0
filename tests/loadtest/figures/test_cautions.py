from copy import deepcopy
from typing import Any

import pytest

from loadtest.figures.cautions import cautions
from loadtest.numbers.lateness import late_share
from loadtest.numbers.recording import Disturbance, Generator, Recording
from loadtest.numbers.result import Ceiling, Measured, Placement, Result, Trial

PINNED = Placement(
    pinned=True, generator_cores=[1], server_cores=[0], ceiling=Ceiling(single=3000.0, closed=5000.0, open=4000.0)
)


@pytest.fixture
def quiet(good_result: Result) -> Result:
    """A result as a quiet machine would have given it."""
    result = deepcopy(good_result)
    result.conditions.busy_share_before, result.conditions.load_average_before = 0.02, [9.9, 0.1, 0.1]
    result.conditions.generator, result.conditions.disturbance = (
        deepcopy(PINNED),
        Disturbance(busy_share=0.5, steal_share=0.0),
    )
    for variant in result.variants.values():
        for one in variant.scenarios["SingleStream"].rounds:
            one.generator = Generator(cpu_share=0.0001 * one.requests / one.seconds)
    return result


def test_a_quiet_machine_and_a_fast_generator_are_not_mentioned(quiet: Result) -> None:
    assert cautions(quiet) == []


def test_a_rate_near_the_ceiling_is_the_generators(quiet: Result) -> None:
    assert quiet.conditions.generator is not None and quiet.conditions.generator.ceiling is not None
    quiet.conditions.generator.ceiling.single = 10.0
    assert cautions(quiet)[0].startswith("Generator-bound in SingleStream: teacher (")
    assert "within 20 % of the generator's ceiling of 10" in cautions(quiet)[0]


def test_a_busy_generator_says_so(quiet: Result) -> None:
    for one in quiet.variants["int8"].scenarios["SingleStream"].rounds:
        one.requests, one.generator = 90, Generator(cpu_share=0.97)
    assert cautions(quiet) == ["Generator-bound in SingleStream: int8 (97% of its core used)."]


def test_rounds_in_which_the_generator_itself_was_slow_are_named(quiet: Result) -> None:
    for one in quiet.variants["int8"].scenarios["SingleStream"].rounds:
        one.requests, one.generator = 100, Generator(cpu_share=0.6 if one.round == 2 else 0.2)
    assert cautions(quiet) == [
        "Rounds of SingleStream in which the generator took over 1.5 times its least CPU time a request: int8 1."
    ]


def test_late_starts_are_the_generators_unless_no_connection_was_free(quiet: Result) -> None:
    recording = Recording()
    for _ in range(97):
        recording.start(20_000, waited=False)
    recording.start(5_000_000, waited=False)
    for _ in range(2):
        recording.start(900_000_000, waited=True)
    kept = recording.measurement()
    assert late_share([kept]) == pytest.approx(0.01)
    rounds = quiet.variants["tiny"].scenarios["SingleStream"].rounds
    rounds[0].lateness = kept.lateness
    assert cautions(quiet) == ["Generator-bound in SingleStream: tiny (1.0% sent more than 1 ms late)."]
    assert late_share([]) == 0.0


def test_a_rate_whose_search_ended_at_late_starts_is_the_generators(quiet: Result) -> None:
    for name, late in (("teacher", 25.0), ("int8", 100.0), ("tiny", 108.0)):
        search = [Trial(rate=rate, generator_bound=rate == late) for rate in (25.0, 100.0, 108.0)]
        quiet.variants[name].scenarios["Server"] = Measured(passed=100.0, failed=108.0, search=search)
    assert cautions(quiet) == ["The rate that was found is bound by the generator, which sent late: int8, tiny."]


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ({"disturbance": Disturbance(steal_share=0.05)}, "The hypervisor took 5.0% of the machine's time."),
        ({"busy_share_before": 0.5}, "The machine was not quiet: its cores were 50% busy before the run."),
        (
            {"generator": Placement(why="--no-pin was given")},
            "Generator and server shared their cores: --no-pin was given.",
        ),
    ],
)
def test_a_machine_that_disturbs_says_so(quiet: Result, conditions: dict[str, Any], said: str) -> None:
    quiet.conditions = quiet.conditions.model_copy(update=conditions)
    assert cautions(quiet) == [said]
