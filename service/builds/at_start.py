"""A service of a model that somebody only has: its folder and some labelled texts become a build before the service
begins, and INT8 of its teacher a job like others.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from models.runtime.errors import BonsaiError
from models.runtime.files import write_json
from models.runtime.store import STORE, read_build, told_stores
from service.builds.asked import Asked, cards
from service.builds.errors import BuildError, Conflict
from service.builds.jobs import Jobs
from service.builds.process import ROOT

NAME = "int8"
INT8: dict[str, Any] = {"name": NAME, "passes": [{"quantize": {}}]}
MOST_TOKENS = 512
logger = logging.getLogger("bentoml.bonsai")
FILES = "config.json, tokenizer.json and model.onnx or model.safetensors"


class Given(NamedTuple):
    """The folder of a fine-tuned BERT, and a file or a folder of texts with their labels."""

    model: Path
    data: Path


def given_model() -> Given | None:
    """Read BONSAI_MODEL and BONSAI_DATA (BonsaiError)."""
    model, data = os.environ.get("BONSAI_MODEL"), os.environ.get("BONSAI_DATA")
    if not model and not data:
        return None
    if not model or not data:
        missing, there = ("BONSAI_DATA", "BONSAI_MODEL") if model else ("BONSAI_MODEL", "BONSAI_DATA")
        raise BonsaiError(f"{missing} is not set beside {there}; expected a folder with a model, and labelled texts")
    if not os.path.isdir(model):  # noqa: PTH112 (which raises for a name that is too long)
        raise BonsaiError(f"BONSAI_MODEL is '{model[:200]}': no such folder; expected one with {FILES}")
    if not os.path.exists(data):  # noqa: PTH110
        raise BonsaiError(f"BONSAI_DATA is '{data[:200]}': no such file; expected texts with their labels, such as CSV")
    return Given(Path(model).absolute(), Path(data).absolute())


def quantizes() -> bool:
    """Tell whether INT8 of the teacher is wanted (BONSAI_QUANTIZE)."""
    given = os.environ.get("BONSAI_QUANTIZE") or ""
    if given not in ("", "int8"):
        raise BonsaiError(f"BONSAI_QUANTIZE is '{given[:64]}'; expected int8, or nothing")
    return bool(given)


def build_teacher(given: Given, out: Path) -> None:
    """Build a teacher of what was given, unless it is built; its outcome is said as it comes (BonsaiError)."""
    recipe = _recipe(given, out)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "recipe.json"
        write_json(file, recipe)
        options = ["--recipe", str(file), "--out", str(out), "--keep-head"]
        environment = {
            **os.environ,
            STORE: told_stores(),
            "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        }
        last = ""
        with subprocess.Popen(
            [sys.executable, "-m", "models.build", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            text=True,
        ) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    last = line.strip() or last
                    if not last.startswith("error: "):
                        sys.stderr.write(line)
            except BaseException:  # told to end, it waits for no build
                process.terminate()
                raise
    if process.returncode:
        raise BonsaiError(last.removeprefix("error: ") or f"the build ended with exit code {process.returncode}")


def ask_for_int8(out: Path, only: Sequence[str] = ()) -> None:
    """Queue INT8 of the teacher, unless the build has it or it is queued, or it would not be among the variants that
    are served (BonsaiError).
    """
    if only and NAME not in only:
        logger.warning("BONSAI_QUANTIZE: '%s' is not built, for BONSAI_ONLY leaves it out", NAME)
        return
    build = read_build(out)
    if NAME in build.variants or any(
        [next(iter(one)) for one in card.passes] == ["quantize"] for card in cards(build).values()
    ):
        return
    try:
        Jobs(out).create(NAME, Asked.model_validate(INT8).model_dump(mode="json", by_alias=True, exclude_none=True))
    except Conflict:  # it waits already
        pass
    except BuildError as problem:  # too many wait, or nothing can be written here: what there is, is served
        logger.warning("BONSAI_QUANTIZE: INT8 is not built: %s", problem)


def _recipe(given: Given, out: Path) -> dict[str, Any]:
    """Return the recipe of the build that is there, or one of the teacher alone (BonsaiError for another's build)."""
    try:
        recipe = read_build(out).recipe
    except BonsaiError:
        return {
            "teacher": {"source": str(given.model), "max_tokens": _most_tokens(given.model)},
            "dataset": {"source": str(given.data)},
        }
    if (recipe["teacher"]["source"], recipe["dataset"]["source"]) != (str(given.model), str(given.data)):
        raise BonsaiError(
            f"'{out}' holds the build of another model or other data than BONSAI_MODEL and BONSAI_DATA name; name a "
            "folder of their own with BONSAI_VARIANTS"
        )
    return recipe


def _most_tokens(model: Path) -> int:
    """Return how many tokens the model was made to read; a configuration that does not say is refused by the build."""
    limits = [MOST_TOKENS]
    for file, name in (("config.json", "max_position_embeddings"), ("tokenizer_config.json", "model_max_length")):
        with suppress(OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
            limits.append(int(json.loads((model / file).read_bytes())[name]))
    return max(8, min(limits))
