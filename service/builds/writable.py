"""A folder of variants that builds can write to, where the one that is served cannot be: an image's stays as it is."""

import hashlib
import logging
import os
import shutil
import tempfile
from pathlib import Path

from bentoml._internal.configuration.containers import BentoMLContainer

from models.runtime.store import BUILD_FILE

VARIABLE = "BONSAI_VARIANTS"
logger = logging.getLogger("bentoml.bonsai")


def writable(folder: Path) -> Path:
    """Return the folder of the build, or its copy in BentoML's home, which the workers learn of too. Each build has a
    copy of its own, which goes on where a container of the same image is started again.
    """
    if os.environ.get(VARIABLE) or not (folder / BUILD_FILE).exists():
        return folder
    if "BENTOML_CONTAINERIZED" not in os.environ and os.access(folder, os.W_OK):
        return folder
    copy = Path(BentoMLContainer.bentoml_home.get()) / "bonsai" / f"variants-{_digest(folder)}"
    try:
        if not copy.exists():
            _copy(folder, copy)
    except OSError as error:
        logger.warning("variants cannot be built here: '%s' cannot be written (%s)", copy, error.strerror or error)
        return folder
    os.environ[VARIABLE] = str(copy)
    return copy


def _digest(folder: Path) -> str:
    """Return what tells a folder's content from another's."""
    found = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        for part in (str(file.relative_to(folder)).encode(), file.read_bytes()):
            found.update(len(part).to_bytes(8, "big") + part)
    return found.hexdigest()[:12]


def _copy(folder: Path, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=copy.parent, prefix=".variants-", ignore_cleanup_errors=True) as place:
        draft = Path(place) / copy.name
        for source in (folder, *sorted(folder.rglob("*"))):
            target = draft / source.relative_to(folder)
            if source.is_dir():
                target.mkdir()  # with this user's rights, not the image's
            else:
                shutil.copyfile(source, target)
        try:
            draft.rename(copy)
        except OSError:  # another container that has the volume, too, was faster
            if not copy.exists():
                raise
