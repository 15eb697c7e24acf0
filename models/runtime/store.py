"""What the last build made: build.json, and the BentoML model store that holds one model a variant (no torch)."""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import bentoml
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.models.model import ModelStore
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.runtime.card import CARD_FILE, CONTENT_FILES, is_whole, read_card
from models.runtime.errors import BonsaiError
from models.runtime.files import write_json

BUILD_FILE = "build.json"
CORPUS_FILE = "corpus.jsonl"
DATASET_FILE = "dataset.json"
OUT = Path("variants")  # where a build writes unless told otherwise
BUILD_COMMAND = "python -m models.build"
STORE = "BONSAI_MODEL_STORE"  # tells a process that a service starts where models go, and where else they lie
BUSY = "another build is writing to"  # what whoever may wait for it knows it by
HOME_HELP = "set BENTOML_HOME to a folder that can be written and has room"


class BuiltVariant(BaseModel):
    """Where the store holds a variant, and the key of what went into it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tag: str
    key: str


class Build(BaseModel):
    """The content of build.json; `generation` counts the builds that changed something."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    build_id: str
    generation: int
    recipe: dict[str, Any]
    dataset: dict[str, Any]
    corpus_sha256: str
    variants: Annotated[dict[str, BuiltVariant], Field(min_length=1)]


def read_build(out: Path) -> Build:
    """Read build.json (BonsaiError when nothing is built yet)."""
    try:
        return Build.model_validate_json((out / BUILD_FILE).read_bytes())
    except OSError as error:
        raise BonsaiError(
            f"no variants are built in '{out}': {BUILD_FILE} cannot be read ({error.strerror}); run '{BUILD_COMMAND}' "
            "first"
        ) from error
    except ValidationError as error:
        raise BonsaiError(
            f"'{out / BUILD_FILE}' is no build of this version ({error.errors()[0]['msg']}); run '{BUILD_COMMAND}' "
            "again"
        ) from error


def write_build(out: Path, generation: int, **content: Any) -> Build:
    """Replace build.json in one move; what serves reads the old build or the new one."""
    tags = [variant.tag for variant in content["variants"].values()]
    build = Build(build_id=hashlib.sha256("\n".join(tags).encode()).hexdigest()[:12], generation=generation, **content)
    write_json(out / BUILD_FILE, build.model_dump(mode="json"))
    return build


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold the output folder for this build alone."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = (out / ".lock").open("w")
    except OSError as error:
        raise BonsaiError(
            f"'{out}' is no folder that can be written to ({error.strerror}); choose another one with --out"
        ) from error
    with lock as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BonsaiError(f"{BUSY} '{out}'; wait for it, or give another folder with --out") from error
        yield


def save_variant(folder: Path) -> str:
    """Put a variant folder into the BentoML model store, unless that very version is there whole; return its tag."""
    card = read_card(folder)
    # Names that differ in underscores alone share a tag's name, but never its version, which is a hash over the name
    # too.
    tag = f"bonsai-{card.name.replace('_', '-').strip('-')}:{card.version}"
    if not in_store(tag):
        try:
            _forget(tag)
            # Left `measured.json` out: it belongs to this machine, the model to all.
            with bentoml.models.create(
                tag, module="models.runtime.loading", metadata=card.content(), labels={"variant": card.name}
            ) as model:
                for name in (name for name in (*CONTENT_FILES, CARD_FILE) if (folder / name).exists()):
                    shutil.copyfile(folder / name, model.path_of(name))
        except OSError as error:
            _forget(tag)
            raise BonsaiError(
                f"'{tag}' cannot be put into the BentoML model store ({_reason(error)}); {HOME_HELP}"
            ) from error
    return tag


def store_folder() -> Path:
    """Return where this process's BentoML model store lies."""
    return Path(BentoMLContainer.model_store.get()._path)


def stores() -> list[Path]:
    """Return where models may lie: this process's store, those that it was told of, and that of BentoML's home. A Bento
    has a store of its own, and where that is an image's, what is built goes to the home.
    """
    return list(dict.fromkeys([store_folder(), *_told(), Path(BentoMLContainer.model_store_dir.get())]))


def _told() -> list[Path]:
    return [Path(each) for each in json.loads(os.environ.get(STORE) or "[]")]


def build_stores() -> list[Path]:
    """Return the stores of a build that this process starts, first the one that it writes to."""
    own, *others = stores()
    return [own, *others] if _is_open(own) else [*others, own]


def told_stores() -> str:
    """Return what such a build is told of them (BONSAI_MODEL_STORE)."""
    return json.dumps([str(each) for each in build_stores()])


def _is_open(store: Path) -> bool:
    return "BENTOML_CONTAINERIZED" not in os.environ and os.access(store, os.W_OK)


def use_given_store() -> None:
    """Keep models where the process that started this one says."""
    if given := _told():
        BentoMLContainer.model_store.set(ModelStore(given[0]))


def check_store() -> None:
    """Refuse a BentoML home that nothing can be stored in (BonsaiError)."""
    try:
        with tempfile.TemporaryFile(dir=store_folder()):
            pass
    except OSError as error:
        raise BonsaiError(f"the BentoML home cannot be written ({_reason(error)}); {HOME_HELP}") from error


def _reason(error: OSError) -> str:
    return f"{error.strerror or error}" + (f": '{error.filename}'" if error.filename else "")


def _forget(tag: str) -> None:
    """Remove what an interrupted copy may have left: the store itself refuses to delete a model without its
    model.yaml.
    """
    name, version = tag.split(":")
    shutil.rmtree(store_folder() / name / version, ignore_errors=True)


def stored(tag: str) -> Path:
    """Return the folder that the store holds under this tag (BonsaiError when there is none)."""
    name, _, version = tag.partition(":")
    folder = next((each for store in stores() if (each := store / name / version).is_dir()), None)
    if not version or folder is None:
        home = "run it with the BENTOML_HOME that does"
        raise BonsaiError(
            f"the BentoML model store does not hold '{tag}'; run '{BUILD_COMMAND}' to store it again, or {home}"
        )
    return folder


def check_stored(tag: str) -> Path:
    """Return that folder after BentoML has read its own description of it, as it will at a start (BonsaiError). That
    takes 15 ms, in which no other thread of the process runs.
    """
    folder = stored(tag)
    try:
        ModelStore(folder.parents[1]).get(tag)
    except Exception as error:  # of a damaged entry BentoML lets through what YAML, attrs and the file system say
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise BonsaiError(
            f"the BentoML model store holds '{tag}' damaged ({reason}); run '{BUILD_COMMAND}' to store it again"
        ) from error
    return folder


def in_store(tag: str) -> bool:
    """Tell whether the store holds this tag, with all that its card was written for."""
    try:
        folder = check_stored(tag)
        return is_whole(folder, read_card(folder))
    except (BonsaiError, OSError):  # not there, or half there
        return False
