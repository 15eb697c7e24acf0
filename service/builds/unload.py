"""Take a variant out of the build: from then on nobody serves it."""

import shutil
from pathlib import Path

from models.runtime.card import read_card
from models.runtime.errors import BonsaiError
from models.runtime.store import Build, locked, read_build, stored, write_build
from service.builds.asked import TEACHER
from service.builds.errors import BuildError, Conflict, NotKept, UnknownBuild


def unload(out: Path, name: str) -> Build:
    """Write a build without a variant, in one move; what served it opens the new one (UnknownBuild, Conflict, NotKept).

    Its model stays in the store, where a worker may have it open.
    """
    try:
        with locked(out):
            build = read_build(out)
            _check(build, name)
            variants = {other: built for other, built in build.variants.items() if other != name}
            recipe = {**build.recipe, "variants": {k: v for k, v in build.recipe["variants"].items() if k != name}}
            made = write_build(
                out,
                build.generation + 1,
                recipe=recipe,
                dataset=build.dataset,
                corpus_sha256=build.corpus_sha256,
                variants=variants,
            )
            shutil.rmtree(out / name, ignore_errors=True)
            return made
    except OSError as error:
        raise NotKept(f"'{out}' cannot be written ({error.strerror}), so '{name}' stays") from error
    except BuildError:
        raise
    except BonsaiError as error:
        raise Conflict(f"{error}: '{name}' stays until then") from error


def _check(build: Build, name: str) -> None:
    if name not in build.variants:
        raise UnknownBuild(f"no variant '{name[:64]}'; expected one of {', '.join(build.variants)}")
    if name == TEACHER:
        raise Conflict("the teacher cannot be unloaded: all others are judged beside it; expected another variant")
    for other, built in build.variants.items():
        made_of = read_card(stored(built.tag)).cascade
        if made_of is not None and name in (made_of.small, made_of.large):
            raise Conflict(f"'{name}' is a part of the cascade '{other}'; expected DELETE /variants/{other} first")
