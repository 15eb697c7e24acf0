from pathlib import Path

import pytest

from models.runtime.batching import SIZES, read_measured
from service.variants.errors import TooManyLabels, UnknownVariant
from service.variants.registry import Registry, load
from service.variants.startup import StartupCheck


@pytest.fixture(scope="module")
def registry(built: Path) -> Registry:
    return Registry(load({name: built / name for name in ("teacher", "int8")}, 1, []))


def test_the_variants_are_there_in_their_order(registry: Registry) -> None:
    assert [variant.card.name for variant in registry.variants] == ["teacher", "int8"]
    assert registry.find("int8").startup_check == StartupCheck(0, 0)


def test_a_variant_is_asked_for_as_many_labels_as_it_knows(registry: Registry) -> None:
    assert registry.ask("int8", 4) == registry.find("int8")
    with pytest.raises(UnknownVariant, match=r"^no variant 'nano'; expected one of teacher, int8$"):
        registry.ask("nano", 1)
    with pytest.raises(TooManyLabels, match=r"^'top_k' is 99; expected 1 to 4, the number of labels$"):
        registry.ask("int8", 99)


def test_the_batch_is_what_the_build_measured_on_this_kind_of_processor(built: Path) -> None:
    measured = read_measured(built / "int8")
    assert measured is not None
    for here, sizes in ((True, [17]), (False, SIZES)):
        found = measured._replace(batch=17, here=here)
        variants = load({"int8": built / "int8"}, 1, [], {"int8": found})
        assert variants["int8"].cost.batch in sizes
        assert variants["int8"].measured == found


def test_a_swap_serves_others_from_the_next_request_on(registry: Registry) -> None:
    swapped = Registry({})
    swapped.swap({"teacher": registry.find("teacher")})
    assert [variant.card.name for variant in swapped.variants] == ["teacher"]
    with pytest.raises(UnknownVariant):
        swapped.find("int8")
