"""Weights that all workers share, packed once while the service runs: by one worker, in a process of its own that gives
way to requests, while the others wait.

`python -m service.variants.packed FOLDER NAME=VARIANT …`
"""

import contextlib
import fcntl
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from models.runtime.card import read_card
from models.runtime.errors import BonsaiError
from models.runtime.loading import check_whole, is_packed, pack_variants
from service.variants.generations import Generations

LOCK, TURN, WAIT_S, LOOK_S = "packing.lock", "loading.lock", 30.0, 0.05
MOST_S = 600  # of packing
GIVES_WAY = 5  # niceness; more, and a busy machine never lets it end

logger = logging.getLogger("bentoml.bonsai")


def pack_new(folders: Mapping[str, Path], packed: Path) -> None:
    """Pack those of these variants that are not packed yet, after they were found whole (BonsaiError); what cannot be
    packed, or not within half a minute by another worker, will be opened as it is.
    """
    packed.mkdir(exist_ok=True)
    with locked(packed.parent / LOCK) as mine:
        if not mine:
            logger.warning("this worker holds its own weights: another one has been packing for %d s", WAIT_S)
            return
        new = {name: folder for name, folder in folders.items() if not is_packed(read_card(folder), packed)}
        for folder in new.values():
            check_whole(folder, read_card(folder))
        if new:
            _pack_apart(new, packed)


def remove_unused(packed: Path, generations: Generations) -> None:
    """Remove the versions that no worker holds or is about to open."""
    with locked(packed.parent / LOCK) as mine:
        held = generations.held()
        for folder in packed.iterdir() if mine else ():
            if folder.is_dir() and folder.name not in held:
                shutil.rmtree(folder, ignore_errors=True)


def _pack_apart(folders: Mapping[str, Path], packed: Path) -> None:
    command = [sys.executable, "-m", "service.variants.packed", str(packed)]
    command += [f"{name}={folder}" for name, folder in folders.items()]
    root = Path(__file__).parents[2]
    try:
        done = subprocess.run(
            command, cwd=root, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=MOST_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        logger.warning("each worker holds its own weights: they cannot be packed (%s)", type(error).__name__)
        return
    if done.returncode:
        said = done.stderr.strip().rpartition("\n")[2] or f"exit code {done.returncode}"
        logger.warning("each worker holds its own weights: %s; set TMPDIR to a folder that has room", said)


@contextlib.contextmanager
def locked(lock: Path) -> Iterator[bool]:
    """Hold a lock for this worker alone; false where another one holds it for too long. The system lets go of what an
    ended process held.
    """
    with lock.open("w") as file:
        until = time.monotonic() + WAIT_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    yield False
                    return
                time.sleep(LOOK_S)
            else:
                yield True
                return


def main() -> int:
    """Pack; exit code 2 and one sentence where that cannot be done."""
    packed, *given = sys.argv[1:]
    os.nice(GIVES_WAY)
    try:
        pack_variants({name: Path(folder) for name, _, folder in (each.partition("=") for each in given)}, Path(packed))
    except BonsaiError as problem:
        print(problem, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
