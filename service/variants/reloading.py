"""Loading without a restart: a thread of each worker that watches build.json, opens what is new in it beside what is
served, and swaps all variants at once.
"""

import contextlib
import logging
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from models.runtime.batching import read_measured
from models.runtime.errors import BonsaiError
from models.runtime.loading import Tokenizers
from models.runtime.memory import return_memory
from models.runtime.store import BUILD_FILE, Build, check_stored, stored
from service.variants.chosen import read_chosen
from service.variants.collector import settle
from service.variants.generations import Generations, last_served
from service.variants.packed import TURN, locked, pack_new, remove_unused
from service.variants.proved import PROVED, read_proved
from service.variants.registry import Loaded, Registry, load
from service.variants.startup import read_rows, refuse_differing

POLL_S = 0.5
PACKED = "packed"
RESTART = "restart the service to serve it"
SWITCH_S = 0.0005  # while this thread loads; a request asks for the interpreter several times, and waits each time

logger = logging.getLogger("bentoml.bonsai")


class Swap(Protocol):
    """What puts variants into the registry, and lets everything else follow."""

    def __call__(self, folders: Mapping[str, Path], variants: dict[str, Loaded]) -> None: ...


class Reloading:
    """Serves what build.json names, from `start` on whatever it comes to name; a build that cannot be served is said
    once, and what is served stays.
    """

    def __init__(
        self,
        folder: Path,
        registry: Registry,
        swap: Swap,
        *,
        threads: int = 1,
        strict: bool = False,
        shared: Path | None = None,
        generations: Generations | None = None,
        accept: Callable[[list[str]], object] = len,
        only: Sequence[str] = (),
    ) -> None:
        """`folder` is the build's; `shared` is the one that all workers of this service share; `accept` raises for
        names that cannot be served together (BonsaiError); `only` names those that are served, all where it is empty.
        """
        self._folder, self._registry, self._swap = folder, registry, swap
        self._threads, self._strict, self._accept, self._only = threads, strict, accept, only
        self._packed = shared and shared / PACKED
        self._generations = generations or Generations()
        self._tokenizers: Tokenizers = weakref.WeakValueDictionary[Any, Any]()
        self._build: Build | None = None
        self.folders: Mapping[str, Path] = {}  # of what is served
        self._seen: tuple[int, ...] | None = None  # of build.json, when it was looked at last
        self._leaving = list["weakref.ref[Any]"]()
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def load(self, build: Build) -> None:
        """Serve a build; of what is served already, versions that it names too are kept (BonsaiError)."""
        names = list(build.variants)
        self._accept(names)
        if self._build is not None:
            check_same_data(self._build, build)
        versions = {name: variant.tag.partition(":")[2] for name, variant in build.variants.items()}
        before = {variant.card.name: variant for variant in self._registry.variants}
        unchanged = {name: each for name, each in before.items() if versions.get(name) == each.card.version}
        folders = {
            name: self.folders[name] if name in unchanged else stored(variant.tag)
            for name, variant in build.variants.items()
        }
        self._generations.hold(versions.values())
        if self._packed is not None and self._build is not None:
            new = [name for name in names if name not in unchanged]
            pack_new(folders, new, self._packed, self._folder, self._threads)
        # What another process proved of these very versions need not be proved again.
        proved = read_proved(self._packed.with_name(PROVED), versions.values()) if self._packed is not None else {}
        known = all(name in unchanged or versions[name] in proved for name in names)
        rows = [] if known else read_rows(self._folder)
        measured = {name: found for name in names if (found := read_measured(self._folder / name))}
        variants = load(
            folders,
            self._threads,
            rows,
            measured,
            self._packed,
            self._tokenizers,
            unchanged,
            # Beside requests a text takes longer than by itself; with several threads one of them knows a part of it.
            time.perf_counter if self._build is None or self._threads > 1 else time.thread_time,
            proved=proved,
        )
        if self._strict:
            refuse_differing({name: variant.startup_check for name, variant in variants.items()})
        self._swap(folders, variants)
        self._leaving += [weakref.ref(each.predictor) for name, each in before.items() if name not in unchanged]
        self._build, self.folders = build, folders
        self._generations.publish(build, versions.values())

    def start(self) -> None:
        """Watch from now on."""
        self._thread = threading.Thread(target=self._run, name="variants", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._end.set()

    def _run(self) -> None:
        while not self._end.wait(POLL_S):
            self.turn()

    def turn(self) -> None:
        """Look at build.json once, and serve it if it is another one."""
        seen = _signature(self._folder / BUILD_FILE)
        if seen != self._seen:
            self._seen = seen
            if problem := self._try():
                self._stay(problem)
        self._let_go()

    def _try(self) -> str:
        """Keep up, or return why not."""
        try:
            self._keep_up()
        except BonsaiError as problem:
            return str(problem)
        except Exception as problem:  # whatever it is: what is served stays, and the next build is another
            logger.debug("a build was not loaded", exc_info=True)
            return f"{type(problem).__name__}: {problem}".partition("\n")[0]
        return ""

    def _keep_up(self) -> None:
        build = read_chosen(self._folder, self._only)
        if build == self._build:
            return
        began = time.monotonic()
        before = {variant.card.version for variant in self._registry.variants}
        # One worker after another, so that the others have the cores to answer with; none waits long for its turn.
        turn = contextlib.nullcontext() if self._packed is None else locked(self._packed.parent / TURN)
        with turn, _switching_often():
            self.load(build)
            settle()
        if self._packed is not None:
            remove_unused(self._packed, self._generations)
        new = sum(variant.card.version not in before for variant in self._registry.variants)
        logger.info(
            "generation %d is served: %d variants, %d of them new, after %.1f s",
            build.generation, len(build.variants), new, time.monotonic() - began,
        )  # fmt: skip

    def _stay(self, problem: str) -> None:
        now = 0 if self._build is None else self._build.generation
        logger.warning("a new build is not served, generation %d still is: %s", now, problem)
        with contextlib.suppress(BonsaiError):
            self._generations.hold(())
        settle()
        return_memory()

    def _let_go(self) -> None:
        """Return the memory of variants that are gone, once the requests that they had are done."""
        if self._leaving and all(predictor() is None for predictor in self._leaving):
            self._leaving.clear()
            return_memory()


@contextlib.contextmanager
def _switching_often() -> Iterator[None]:
    """Let threads that answer have the interpreter ten times as soon as Python would."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def check_same_data(served: Build, build: Build) -> None:
    """Refuse a build of another data set than the one that is served (BonsaiError)."""
    old, new = (each.dataset.get("sha256") for each in (served, build))
    if old != new:
        name = build.dataset.get("name")
        raise BonsaiError(f"it is of another data set ('{name}', SHA-256 {str(new)[:12]}…); {RESTART}")


def present_build(
    folder: Path, shared: Path | None, accept: Callable[[list[str]], object] = len, only: Sequence[str] = ()
) -> Build:
    """Return the build to begin with: what build.json says, of which `only` these variants, or the last one that a
    worker of this service took where that cannot be used (BonsaiError where there is none).
    """
    last = last_served(shared)
    try:
        build = read_chosen(folder, only)
        for variant in build.variants.values():
            if shared is None:
                check_stored(variant.tag)
            else:  # the process that started this one has checked it
                stored(variant.tag)
        accept(list(build.variants))
        if last is not None:
            check_same_data(last, build)
    except BonsaiError as problem:
        if last is None:
            raise
        logger.warning("build.json is not served, generation %d still is: %s", last.generation, problem)
        return last
    return build


def _signature(file: Path) -> tuple[int, ...]:
    """Return what tells one build.json from the next: its place on the disk, time and size."""
    try:
        found = file.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size
