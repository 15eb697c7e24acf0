"""A variant leaves the build in one move, unless something needs it."""

from pathlib import Path

import pytest

from models.runtime.store import locked, read_build
from service.builds.errors import Conflict, UnknownBuild
from service.builds.unload import unload


def test_what_is_left_is_a_whole_build_of_a_new_generation(copied: Path) -> None:
    before = read_build(copied)
    made = unload(copied, "pruned")
    assert read_build(copied) == made
    assert made.generation == before.generation + 1
    assert made.build_id != before.build_id
    assert made.variants == {name: one for name, one in before.variants.items() if name != "pruned"}
    assert "pruned" not in made.recipe["variants"]
    assert not (copied / "pruned").exists()


@pytest.mark.parametrize(
    ("name", "error", "part"),
    [
        ("teacher", Conflict, "judged beside it"),
        ("int8", Conflict, "a part of the cascade 'cascade'"),
        ("nope", UnknownBuild, "no variant 'nope'"),
        ("../teacher", UnknownBuild, "no variant"),
    ],
)
def test_what_is_needed_or_unknown_stays(copied: Path, name: str, error: type[Exception], part: str) -> None:
    before = (copied / "build.json").read_bytes()
    with pytest.raises(error, match=part):
        unload(copied, name)
    assert (copied / "build.json").read_bytes() == before


def test_a_build_that_runs_comes_first(copied: Path) -> None:
    with locked(copied), pytest.raises(Conflict, match="another build"):
        unload(copied, "pruned")
    assert (copied / "pruned").exists()
