"""All cores of this machine: processes that classify one window each at a time, with one thread."""

import gc
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from threading import Thread

from models.predict.formats import Window
from models.predict.variant import Variant, open_variant
from models.predict.work import Done, Work, classify, windows
from models.runtime.errors import BonsaiError

AHEAD = 3  # windows a process: one that takes long keeps no other process waiting


def on_cores(work: Work, at: int, line: int, processes: int) -> Generator[Done, None, None]:
    """Yield what comes of every window from there on, in their order (BonsaiError)."""
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, context, initializer=_begin, initargs=(work.variant,))
    waiting: deque[Future[Done]] = deque()
    try:
        for window in windows(work.source, at, line):
            waiting.append(pool.submit(_classify, work, window))
            if len(waiting) >= AHEAD * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise BonsaiError(
            "a process that classifies ended before it was done (killed, or out of memory?); what is done is kept: "
            "run the same command again to go on, with fewer --processes where memory is short"
        ) from error
    finally:
        # In the middle of a window, if this run does not end well.
        for child in set(multiprocessing.active_children()) - others:
            child.kill()
        pool.shutdown(cancel_futures=True)


def _begin(variant: Variant) -> None:
    """Prepare a process: Ctrl-C is its parent's to handle, and without a parent it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ |= {"TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1"}
    Thread(target=_end_with_the_parent, daemon=True).start()
    try:
        open_variant(variant)
    except BonsaiError:  # said by the first window, to the parent
        return
    gc.freeze()
    gc.disable()  # it would look through all rows of a window again and again


def _classify(work: Work, window: Window) -> Done:
    done = classify(work, window)
    gc.collect()
    return done


def _end_with_the_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
