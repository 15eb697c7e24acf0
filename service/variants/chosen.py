"""A part of a build: the variants that this service was told to serve, each a deployment of its own for instance."""

from collections.abc import Sequence
from pathlib import Path

from models.runtime.card import read_card
from models.runtime.errors import BonsaiError
from models.runtime.store import Build, read_build, stored


def read_chosen(folder: Path, only: Sequence[str]) -> Build:
    """Read build.json and leave in it the variants that are named, a cascade with its parts; all where none is named
    (BonsaiError).
    """
    build = read_build(folder)
    if not only:
        return build
    if unknown := [name for name in only if name not in build.variants]:
        raise BonsaiError(f"BONSAI_ONLY names '{unknown[0][:64]}'; expected some of {', '.join(build.variants)}")
    wanted = set(only)
    for name in only:
        if (cascade := read_card(stored(build.variants[name].tag)).cascade) is not None:
            wanted |= {cascade.small, cascade.large}
    return build.model_copy(
        update={"variants": {name: each for name, each in build.variants.items() if name in wanted}}
    )
