"""Weights that all workers share, packed once while the service runs, and what is found out about them: by one worker,
in a process of its own that gives way to requests, while the others wait.

`python -m service.variants.packed PACKED BUILD THREADS NAME=VARIANT … --parts NAME=VARIANT …`
"""

import argparse
import contextlib
import fcntl
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from models.runtime.background import give_way
from models.runtime.batching import read_measured
from models.runtime.card import Card, read_card
from models.runtime.errors import BonsaiError
from models.runtime.loading import check_whole, is_packed, pack_variants
from models.runtime.yielding import yield_often
from service.variants.generations import Generations
from service.variants.proved import PROVED, forget_proved, read_proved, write_proved
from service.variants.registry import load
from service.variants.startup import read_rows

LOCK, TURN, WAIT_S, LOOK_S = "packing.lock", "loading.lock", 60.0, 0.05
IDLE_S, MOST_S = 20.0, 600.0  # of packing and proving: while nobody else wants the processor, and then
NO_ROOM, NOT_WHOLE = 2, 3  # exit codes
NICENESS = 5  # more, and a busy machine never lets it end

logger = logging.getLogger("bentoml.bonsai")


def pack_new(folders: Mapping[str, Path], new: Iterable[str], packed: Path, build: Path, threads: int) -> None:
    """Pack and prove those of these variants that are `new` and are not packed and proved yet, after they are found
    whole (BonsaiError); what cannot be packed, or not within a minute by another worker, will be opened as it is,
    and what is not proved a worker proves itself. `build` is the folder of the build.
    """
    packed.mkdir(exist_ok=True)
    with locked(packed.parent / LOCK) as mine:
        if not mine:
            logger.warning("this worker holds its own weights: another one has been packing for %d s", WAIT_S)
            return
        cards = {name: read_card(folders[name]) for name in new}
        proved = read_proved(packed.with_name(PROVED), (card.version for card in cards.values()))
        needed = {name for name, card in cards.items() if card.version not in proved or not is_packed(card, packed)}
        if needed:
            parts = _parts(cards[name] for name in needed) - needed
            _pack_apart(
                {name: folders[name] for name in folders if name in needed},
                {name: folders[name] for name in folders if name in parts},
                packed,
                build,
                threads,
            )


def remove_unused(packed: Path, generations: Generations) -> None:
    """Remove the versions that no worker holds or is about to open."""
    with locked(packed.parent / LOCK) as mine:
        held = generations.held()
        for folder in packed.iterdir() if mine else ():
            if folder.is_dir() and folder.name not in held:
                shutil.rmtree(folder, ignore_errors=True)
        if mine:
            forget_proved(packed.with_name(PROVED), held)


def _parts(cards: Iterable[Card]) -> set[str]:
    """Return the names of the variants that the cascades among these are made of."""
    return {name for card in cards if card.cascade is not None for name in (card.cascade.small, card.cascade.large)}


def _pack_apart(new: Mapping[str, Path], parts: Mapping[str, Path], packed: Path, build: Path, threads: int) -> None:
    command = [sys.executable, "-m", "service.variants.packed", str(packed), str(build), str(threads)]
    command += [*_given(new), "--parts", *_given(parts)]
    try:
        done = _run([*command, "--idle"], IDLE_S) or _run(command, MOST_S)
    except OSError as error:
        done = subprocess.CompletedProcess(command, 1, stderr=f"they cannot be packed ({error.strerror})")
    if done is None:
        logger.warning("each worker holds its own weights: packing them takes longer than %d s", MOST_S)
    elif done.returncode:
        said = done.stderr.strip().rpartition("\n")[2] or f"exit code {done.returncode}"
        if done.returncode == NOT_WHOLE:
            raise BonsaiError(said)
        logger.warning("each worker holds its own weights: %s; set TMPDIR to a folder that has room", said)


def _run(command: Sequence[str], seconds: float) -> "subprocess.CompletedProcess[str] | None":
    """Run a command to its end; None where that is not reached in so many seconds. What it has packed stays."""
    root = Path(__file__).parents[2]
    try:
        return subprocess.run(
            command, cwd=root, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return None


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


def _given(folders: Mapping[str, Path]) -> list[str]:
    return [f"{name}={folder}" for name, folder in folders.items()]


def _read(given: str) -> tuple[str, Path]:
    name, _, folder = given.partition("=")
    return name, Path(folder)


def _give_way(idle: bool) -> None:
    """Go behind requests, or behind everything, and leave all cores but one to them alone."""
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])
    give_way(NICENESS, idle=idle)
    yield_often()


def prove(folders: Mapping[str, Path], packed: Path, build: Path, threads: int) -> None:
    """Find out of variants that are packed what is not known yet, and write it down (BonsaiError)."""
    versions = {name: read_card(folder).version for name, folder in folders.items()}
    known = read_proved(packed.with_name(PROVED), versions.values())
    if known.keys() >= set(versions.values()):
        return
    measured = {name: found for name in folders if (found := read_measured(build / name))}
    # Beside requests a text takes longer than by itself; with several threads one of them knows a part of it.
    clock = time.perf_counter if threads > 1 else time.thread_time
    variants = load(folders, threads, read_rows(build), measured, packed, clock=clock, proved=known)
    write_proved(packed.with_name(PROVED), {each.card.version: each.proved for each in variants.values()})


def main() -> int:
    """Pack and prove; one sentence and exit code 2 where there is no room, and 3 where a variant is not whole."""
    parser = argparse.ArgumentParser(prog="python -m service.variants.packed", description=__doc__)
    parser.add_argument("packed", type=Path)
    parser.add_argument("build", type=Path)
    parser.add_argument("threads", type=int)
    parser.add_argument("new", nargs="+", type=_read)
    parser.add_argument("--parts", nargs="*", type=_read, default=[], help="of new cascades, which are served already")
    parser.add_argument("--idle", action="store_true", help="compute only while nobody else wants the processor")
    given = parser.parse_args()
    _give_way(given.idle)
    try:
        for _, folder in given.new:
            check_whole(folder, read_card(folder))
    except BonsaiError as problem:
        print(problem, file=sys.stderr)
        return NOT_WHOLE
    try:
        pack_variants(dict(given.new), given.packed)
    except BonsaiError as problem:
        print(problem, file=sys.stderr)
        return NO_ROOM
    with contextlib.suppress(BonsaiError):  # which the worker says, when it opens them
        prove(dict(given.parts + given.new), given.packed, given.build, given.threads)
    return 0


if __name__ == "__main__":
    sys.exit(main())
