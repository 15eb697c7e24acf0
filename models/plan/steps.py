"""Finished build steps on disk, found again by a key over everything that went into them."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from models.runtime.files import DRAFT, publish


def step_key(*parts: object) -> str:
    """Hash whatever a step depends on (JSON values) into a folder name."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


class Steps:
    """The folder `.steps`: one finished folder a key; a step that fails leaves nothing, and one that is killed only a
    draft, which the next build removes.
    """

    def __init__(self, folder: Path, made: Mapping[str, Path] | None = None) -> None:
        """`made` names folders elsewhere that hold what a step would leave."""
        self._folder, self._made = folder, dict(made or {})
        folder.mkdir(parents=True, exist_ok=True)
        for draft in folder.glob(f"{DRAFT}*"):
            shutil.rmtree(draft)

    def once(self, key: str, work: Callable[[Path], None]) -> Path:
        """Return the folder of a step, letting `work` fill it if no earlier build has finished it."""
        done = self._made.get(key, self._folder / key)
        if not done.is_dir():
            draft = self._folder / f"{DRAFT}{key}"
            draft.mkdir()
            try:
                work(draft)
                publish(draft, done)
            except BaseException:  # a full disk, say, whose room it would go on to take
                shutil.rmtree(draft, ignore_errors=True)
                raise
        return done

    def has(self, key: str) -> bool:
        """Tell whether a step is finished."""
        return self._made.get(key, self._folder / key).is_dir()

    def keep_only(self, keys: set[str], most: int = 0) -> None:
        """Remove the steps that no variant of the present recipe needs, the oldest first, until at most so many bytes
        of them are left.
        """
        unused = {folder: folder.stat().st_mtime for folder in self._folder.iterdir() if folder.name not in keys}
        left = {folder: sum(file.stat().st_size for file in folder.rglob("*")) for folder in unused}
        for folder in sorted(unused, key=lambda folder: unused[folder]):
            if not most or sum(left.values()) > most:
                shutil.rmtree(folder)
                del left[folder]
