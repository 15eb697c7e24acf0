from copy import deepcopy

from loadtest.figures import conclusion as sentences
from loadtest.figures.comparison import Comparison
from loadtest.figures.conclusion import UNFIT
from loadtest.numbers.result import Control, Gate, Result
from tests.loadtest.rounds import round_of, rounds_of


def conclusion(result: Result) -> str:
    return sentences.conclusion(Comparison(result))


def judged(result: Result, **gates: dict[str, str]) -> Result:
    """The same with what a gate said, of all that are not named that they passed."""
    changed = deepcopy(result)
    for name, variant in changed.variants.items():
        if name != "teacher":
            variant.card.gate = Gate(**gates.get(name, {"verdict": "passed"}))
    return changed


def timed(result: Result, **milliseconds: float) -> Result:
    """The same with these times, the same in each of three rounds."""
    changed = deepcopy(result)
    for name, time in milliseconds.items():
        changed.variants[name].scenarios["SingleStream"].rounds = rounds_of({time: 1000})
    return changed


def test_the_fastest_that_passed_is_recommended_and_never_one_that_is_worse(good_result: Result) -> None:
    result = timed(good_result, teacher=4.0, int8=2.0, tiny=1.0)
    assert conclusion(judged(result)).startswith("tiny answers 4.0 times as fast as teacher")
    said = conclusion(judged(result, tiny={"verdict": "worse"}))
    assert said.startswith("int8 answers 2.0 times as fast as teacher")
    assert said.endswith("Faster than the baseline, but the gate found worse than the teacher: tiny (4.0 times).")
    said = conclusion(judged(result, tiny={"verdict": "undecided"}))
    assert said.startswith("int8 answers 2.0 times")
    assert said.endswith("Faster than the baseline, but the gate left undecided: tiny (4.0 times).")


def test_what_was_withheld_or_not_judged_is_not_recommended_either(good_result: Result) -> None:
    result = timed(good_result, teacher=4.0, int8=2.0, tiny=1.0)
    said = conclusion(
        judged(result, tiny={"verdict": "passed", "withheld": "A third of the test rows was trained on."})
    )
    assert said.startswith("int8 answers 2.0 times")
    assert said.endswith("tiny (4.0 times) is withheld: A third of the test rows was trained on.")
    assert conclusion(result) == (
        "No variant that is faster than teacher can be recommended. Faster than the baseline, but no gate judged: "
        "tiny (4.0 times), int8 (2.0 times)."
    )


def test_one_that_is_as_fast_within_the_run_is_named(good_result: Result) -> None:
    result = judged(timed(good_result, teacher=4.0, int8=1.0, tiny=1.0))
    assert "This run does not tell it from tiny (91.00 %)." in conclusion(result)
    assert "does not tell it from" not in conclusion(judged(timed(good_result, teacher=4.0, int8=2.0, tiny=1.0)))


def test_the_conclusion_claims_what_the_interval_allows(good_result: Result) -> None:
    result = timed(good_result, teacher=4.0, int8=4.0)
    result.variants["tiny"].scenarios["SingleStream"].rounds = [
        round_of({time: 1000}, number) for number, time in enumerate((1.0, 5.0, 4.5), 1)
    ]  # 1.4 times as fast, [0.2, 10]
    assert conclusion(result) == "No variant is faster than teacher beyond the interval of this run."


def test_nothing_is_concluded_where_nothing_was_compared(good_result: Result) -> None:
    result = deepcopy(good_result)
    for variant in result.variants.values():
        del variant.scenarios["SingleStream"].rounds[1:]
    assert conclusion(result).startswith(
        "No variant is compared with teacher: SingleStream was not measured in enough rounds"
    )


def test_a_paragraph_for_all_scenarios(full_result: Result) -> None:
    result = judged(full_result)
    assert Comparison(result).warnings == []
    said = conclusion(result)
    assert said.startswith("tiny answers 2.0 times as fast as teacher")
    assert "No rate can be promised for it" in said
    assert "left it undecided" in said
    assert "texts a second" in said


def test_a_rate_that_was_confirmed_is_promised(full_result: Result) -> None:
    result = judged(full_result)
    for name, factor in (("teacher", 3), ("tiny", 1)):
        scenarios = result.variants[name].scenarios
        scenarios["SingleStream"].rounds = rounds_of({factor: 100}, 2)
        scenarios["Server"].rate, scenarios["Server"].rounds = (
            1000.0 / factor,
            rounds_of({1.0: 1000}, rate=1000.0 / factor),
        )
    assert (
        "It takes 1,000 requests a second while 99 % of the answers come within 60 ms, and teacher 333; at that load"
        in conclusion(result)
    )


def test_a_run_that_proves_nothing_concludes_nothing(good_result: Result) -> None:
    result = deepcopy(good_result)
    result.run.control = Control(variant="teacher", rounds=result.variants["tiny"].scenarios["SingleStream"].rounds)
    assert "This run proves nothing: teacher against itself came out as" in Comparison(result).warnings[0]
    assert conclusion(result) == UNFIT
