from collections import Counter

import pytest

from loadtest.arguments import plan_of, read_arguments
from loadtest.measurement.turns import turns, with_repeats
from loadtest.numbers.recording import Generator
from loadtest.numbers.result import CONTROL, Against, Control, Measured, Result, Round
from loadtest.scenarios.measuring import keep
from loadtest.scenarios.plan import Turn
from loadtest.scenarios.ramp import SHARES
from loadtest.scenarios.registry import BY_DEFAULT, PAIRED
from tests.loadtest.rounds import rounds_of

PUBLISHED = [
    77.8,
    76.6,
    155.3,
    161.9,
    76.6,
]  # µs a request in the five SingleStream rounds of a published run, whose third and fourth were slow


def test_all_steps_of_a_run_in_their_order() -> None:
    plan = plan_of(read_arguments(["--rounds", "3"]), ["a", "b"])
    steps = turns(plan, ["a", "b"], "a")
    assert list(dict.fromkeys(step.step or step.scenario for step in steps)) == [
        "SingleStream",
        "limit",
        "search",
        "Server",
        "Offline",
        "Ramp",
    ]
    assert [step.variant for step in steps[:4]] == ["a", "b", CONTROL, "b"]
    counted = Counter(step.step or step.scenario for step in steps)
    assert counted == {"limit": 1, "search": 2, "SingleStream": 9, "Server": 6, "Offline": 6, "Ramp": 2 * len(SHARES)}
    assert set(BY_DEFAULT) < set(counted)
    given = plan_of(read_arguments(["--rounds", "3", "--p99-limit", "20"]), ["a", "b"])
    assert "limit" not in {step.step for step in turns(given, ["a", "b"], "a")}


def test_two_services_have_every_variant_side_by_side_and_the_first_word_in_turns() -> None:
    plan = plan_of(read_arguments(["--rounds", "2", "--against", "elsewhere"]), ["a", "b"])
    steps = [
        (step.round, step.variant, step.there)
        for step in turns(plan, ["a", "b"], "a")
        if step.scenario == "SingleStream"
    ]
    first, second = ([step[1:] for step in steps if step[0] == number] for number in (1, 2))
    assert first == [("a", False), ("a", True), ("b", False), ("b", True), (CONTROL, False)]
    assert second == [("b", True), ("b", False), (CONTROL, False), ("a", True), ("a", False)]
    assert {step.scenario for step in turns(plan, ["a", "b"], "a")} == {scenario.name for scenario in PAIRED}


@pytest.fixture
def measured(good_result: Result) -> Result:
    """A run with the CPU times of the generator that a test says."""
    result = good_result.model_copy(deep=True)
    result.run.control = Control(variant="teacher", rounds=costly([150.0] * 5))
    return result


def costly(cpu_us: list[float]) -> list[Round]:
    """Rounds of a thousand requests that cost the generator so much CPU time each."""
    return [
        one.model_copy(update={"generator": Generator(cpu_share=cpu / 1000)})
        for one, cpu in zip(rounds_of({1.0: 1000}, len(cpu_us)), cpu_us, strict=True)
    ]


def in_turns(*names: str, scenario: str = "SingleStream") -> list[Turn]:
    return [Turn(scenario, number, place, name) for number in range(1, 6) for place, name in enumerate(names, 1)]


def test_slowed_rounds_are_measured_again_after_the_scenarios_last_the_worst_first_and_so_often_at_most(
    measured: Result,
) -> None:
    for name, cpu_us in (("int8", PUBLISHED), ("tiny", [90.0, 90.0, 300.0, 90.0, 90.0])):
        measured.variants[name].scenarios = {
            "SingleStream": Measured(rounds=costly(cpu_us)),
            "Offline": Measured(rounds=costly(PUBLISHED)),
        }
    planned = [*in_turns("int8", "tiny", CONTROL), *in_turns("int8", scenario="Offline")]
    taken = []
    for turn in with_repeats(planned, measured):
        taken.append(turn)
        if turn.again:
            keep(
                measured, turn, Round(round=turn.round, requests=1000, seconds=1.0, generator=Generator(cpu_share=0.4))
            )
    assert [turn for turn in taken if not turn.again] == planned
    repeats = [(turn.variant, turn.round) for turn in taken if turn.again]
    assert repeats == [("int8", 3), ("tiny", 3), (CONTROL, 3)] * 2  # one of five, twice, as nothing became better
    assert all(turn.scenario == "SingleStream" for turn in taken[:21])


def test_a_round_is_measured_again_whole_so_that_what_is_compared_stays_together(measured: Result) -> None:
    for name, cpu_us in (("int8", [90.0, 90.0, 300.0, 90.0, 90.0]), ("tiny", [90.0] * 5)):
        measured.variants[name].scenarios = {"SingleStream": Measured(rounds=costly(cpu_us))}
    measured.against = Against(host="elsewhere", variants={"int8": measured.variants["tiny"].model_copy(deep=True)})
    there = [Turn("SingleStream", number, 1, "int8", there=True) for number in range(1, 6)]
    planned = sorted([*in_turns("int8", "tiny", CONTROL), *there], key=lambda turn: turn.round)
    repeated = []
    for turn in with_repeats(planned, measured):
        if turn.again:
            repeated.append((turn.variant, turn.there, turn.round))
            again = costly([100.0])[0].model_copy(update={"round": turn.round, "place": 9})
            keep(measured, turn, again)
    assert repeated == [("int8", False, 3), ("tiny", False, 3), (CONTROL, False, 3), ("int8", True, 3)]
    kept = [
        measured.rounds_at("SingleStream", name, there=there)
        for name, there in (("int8", False), ("tiny", False), (CONTROL, False), ("int8", True))
    ]
    assert [[one.place for one in rounds] for rounds in kept] == [[1, 1, 9, 1, 1]] * 4
    assert all(len(rounds[2].repeats) == 1 for rounds in kept)


def test_rates_that_nothing_is_paired_with_are_measured_again_alone(measured: Result) -> None:
    for name, cpu_us in (("int8", [90.0, 90.0, 300.0, 90.0, 90.0]), ("tiny", [90.0] * 5)):
        measured.variants[name].scenarios = {"Server": Measured(rounds=costly(cpu_us))}
    taken = with_repeats(in_turns("int8", "tiny", scenario="Server"), measured)
    assert next((turn.variant, turn.round) for turn in taken if turn.again) == ("int8", 3)


def test_a_quiet_run_repeats_nothing(measured: Result) -> None:
    measured.variants["int8"].scenarios["SingleStream"].rounds = costly([80.0, 100.0, 110.0, 85.0, 80.0])
    planned = in_turns("int8")
    assert list(with_repeats(planned, measured)) == planned
