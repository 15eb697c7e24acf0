"""The tiny build of the tests, for scripts that are no tests: made once in a folder, with a BentoML home of its own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.conftest import write_checkpoint, write_data, write_recipe
from tests.processes import ROOT


class Tiny(NamedTuple):
    """A finished build: its variants, the BentoML home that holds their models, and its recipe."""

    variants: Path
    home: Path
    recipe: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a process that builds or serves it is given."""
        return {**os.environ, "BENTOML_HOME": str(self.home), "BONSAI_VARIANTS": str(self.variants)}


def tiny_build(folder: Path) -> Tiny:
    """Return the build in a folder, made first where it is not there yet."""
    tiny = Tiny(folder / "variants", folder / "home", folder / "tiny.yaml")
    if not (tiny.variants / "build.json").exists():
        for part, write in (("bert", write_checkpoint), ("data", write_data)):
            (folder / part).mkdir(parents=True, exist_ok=True)
            write(folder / part)
        write_recipe(tiny.recipe, folder / "bert", folder / "data")
        command = [sys.executable, "-m", "models.build", "--recipe", str(tiny.recipe), "--out", str(tiny.variants)]
        subprocess.run(command, cwd=ROOT, env=tiny.environment, check=True, capture_output=True)
    return tiny
