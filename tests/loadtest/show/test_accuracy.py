from copy import deepcopy

from loadtest.figures.comparison import Comparison
from loadtest.numbers.result import Result
from loadtest.show.accuracy import latency_against_accuracy


def test_variants_in_the_same_place_and_variants_without_answers_are_drawn_too(good_result: Result) -> None:
    result = deepcopy(good_result)
    for number in range(6):
        result.variants[f"twin_{number}"] = deepcopy(result.variants["int8"])
    result.variants["tiny"].scenarios["SingleStream"].rounds = []
    assert latency_against_accuracy(Comparison(result))
    for variant in result.variants.values():
        variant.scenarios["SingleStream"].rounds = []
    assert latency_against_accuracy(Comparison(result))


def test_models_that_say_no_size_are_drawn_too(good_result: Result) -> None:
    result = deepcopy(good_result)
    for variant in result.variants.values():
        variant.card.bytes = 0
    assert latency_against_accuracy(Comparison(result))
