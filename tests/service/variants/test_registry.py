from pathlib import Path

import pytest

from service.variants.errors import TooLate, TooManyLabels, UnknownVariant
from service.variants.registry import Registry, load
from service.variants.startup import StartupCheck


@pytest.fixture(scope="module")
def registry(built: Path) -> Registry:
    return Registry(load({name: built / name for name in ("teacher", "int8")}, 1, []))


def test_the_variants_are_there_in_their_order(registry: Registry) -> None:
    assert [variant.card.name for variant in registry.variants] == ["teacher", "int8"]
    assert registry.find("int8").startup_check == StartupCheck(0, 0)


def test_it_predicts_and_says_by_which_version(registry: Registry) -> None:
    card, predictions = registry.predict("int8", ["where is my parcel", "money"], 2)
    assert card == registry.find("int8").card
    assert [len(prediction.top) for prediction in predictions] == [2, 2]


def test_what_it_cannot_do_is_its_own_error(registry: Registry) -> None:
    with pytest.raises(UnknownVariant, match=r"^no variant 'nano'; expected one of teacher, int8$"):
        registry.predict("nano", ["a"], 1)
    with pytest.raises(TooManyLabels, match=r"^'top_k' is 99; expected 1 to 4, the number of labels$"):
        registry.predict("int8", ["a"], 99)
    with pytest.raises(TooLate, match=r"; send fewer texts in a request, or try again later$"):
        registry.predict("int8", ["a"] * 100, 1, deadline=0.0)


def test_a_swap_serves_others_from_the_next_request_on(registry: Registry) -> None:
    swapped = Registry({})
    swapped.swap({"teacher": registry.find("teacher")})
    assert [variant.card.name for variant in swapped.variants] == ["teacher"]
    with pytest.raises(UnknownVariant):
        swapped.find("int8")
