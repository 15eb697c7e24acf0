"""A part of a build: what is named, a cascade with its parts, in the build's order."""

from pathlib import Path

import pytest

from models.runtime.errors import BonsaiError
from models.runtime.store import read_build
from service.variants.chosen import read_chosen


def test_all_where_none_is_named(built: Path) -> None:
    assert read_chosen(built, ()) == read_build(built)


def test_what_is_named_in_the_builds_order(built: Path) -> None:
    whole, part = read_build(built), read_chosen(built, ("int8", "teacher"))
    assert list(part.variants) == ["teacher", "int8"]
    assert part == whole.model_copy(update={"variants": part.variants})


def test_a_cascade_comes_with_its_parts(built: Path) -> None:
    assert set(read_chosen(built, ("cascade",)).variants) == {"cascade", "distilled_int8", "int8"}


def test_a_name_that_is_none_is_said(built: Path) -> None:
    with pytest.raises(BonsaiError, match=r"^BONSAI_ONLY names 'nope'; expected some of teacher, .*int8"):
        read_chosen(built, ("teacher", "nope"))
