from copy import deepcopy

import pytest

from loadtest.figures.comparison import Comparison
from loadtest.figures.conclusion import UNFIT, conclusion
from loadtest.figures.services import between_services
from loadtest.numbers.result import Against, Control, Result, Round
from loadtest.show.table import sections
from tests.loadtest.rounds import round_of

STEADY = (1.0, 1.01, 1.02, 1.0, 1.01)


def rounds(times: tuple[float, ...]) -> list[Round]:
    return [round_of({time: 1000}, number) for number, time in enumerate(times, 1)]


@pytest.fixture
def both(good_result: Result) -> Result:
    """Two equal services, but for what a test makes of one."""
    result = deepcopy(good_result)
    for variant in result.variants.values():
        variant.scenarios["SingleStream"].rounds = rounds(STEADY)
    result.run.control = None
    result.against = Against(host="http://old:3000", variants=deepcopy(result.variants))
    return result


def verdicts(result: Result) -> dict[str, str]:
    return {change.variant: change.verdict for change in between_services(result)}


def test_each_variant_is_faster_slower_or_not_resolved(both: Result) -> None:
    both.variants["int8"].scenarios["SingleStream"].rounds = rounds(tuple(1.1 * time for time in STEADY))
    both.variants["tiny"].scenarios["SingleStream"].rounds = rounds(tuple(0.8 * time for time in STEADY))
    assert verdicts(both) == {"teacher": "not resolved", "int8": "slower", "tiny": "faster"}
    said = conclusion(Comparison(both))
    assert said.startswith("Faster than at http://old:3000: tiny in SingleStream (1.25 times as fast, 95 % interval")
    assert " Slower than at http://old:3000: int8 in SingleStream (0.91 times as fast" in said
    assert " Not resolved, whether faster or slower than at http://old:3000: teacher in SingleStream (1.00" in said
    heads, (teacher, int8, _) = sections(Comparison(both))["Against"]
    assert [row[heads.index("p, Holm") + 1] for row in (teacher, int8)] == ["not resolved", "slower"]


def test_a_wide_interval_resolves_nothing(both: Result) -> None:
    both.variants["int8"].scenarios["SingleStream"].rounds = rounds((1.0, 1.9, 1.0, 1.8, 1.0))
    (int8,) = (change for change in between_services(both) if change.variant == "int8")
    assert int8.ratio.value < 0.8
    assert int8.verdict == "not resolved"


def test_one_of_many_is_held_to_more(both: Result) -> None:
    both.variants["int8"].scenarios["SingleStream"].rounds = rounds((1.02, 1.03, 1.05, 1.0, 1.04))
    changes = {change.variant: change for change in between_services(both)}
    assert changes["int8"].ratio.high < 1
    assert changes["int8"].verdict == "not resolved"


def test_a_run_that_proves_nothing_says_nothing_of_the_services(both: Result) -> None:
    both.variants["int8"].scenarios["SingleStream"].rounds = rounds(tuple(2 * time for time in STEADY))
    both.run.control = Control(variant="teacher", rounds=rounds(tuple(1.5 * time for time in STEADY)))
    assert Comparison(both).services == []
    assert conclusion(Comparison(both)) == UNFIT


def test_too_few_rounds_are_said(both: Result) -> None:
    for variant in both.variants.values():
        del variant.scenarios["SingleStream"].rounds[1:]
    assert conclusion(Comparison(both)).startswith("Nothing is compared with http://old:3000: too few rounds")


def test_a_run_of_one_service_does_not_speak_of_another(good_result: Result) -> None:
    assert between_services(good_result) == []
    assert "compared with http" not in conclusion(Comparison(good_result))
