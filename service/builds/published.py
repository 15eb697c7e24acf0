"""Whether a variant is served: what a job waits for at its end."""

from pathlib import Path

from models.runtime.errors import BonsaiError
from models.runtime.store import read_build


def serving_generation(out: Path, name: str) -> int | None:
    """Return the generation of the build that names a variant; None while none does."""
    try:
        build = read_build(out)
    except BonsaiError:
        return None
    return build.generation if name in build.variants else None
