"""The process beside the workers that runs requests on other arms, at the system's idle priority.

`python -m service.experiments.shadowing ADDRESS RECORDER NAME=FOLDER …`; the service starts it while an experiment
shadows. It writes nothing itself: who holds the database must be none that gives way to everybody.
"""

import argparse
import contextlib
import logging
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from random import Random

from models.runtime.background import LEAST, give_way
from models.runtime.classifier import Prediction, Predictor
from models.runtime.loading import load_variants
from models.runtime.traces import log_failure
from models.runtime.yielding import Yielding
from service.experiments.companion import Ended, end_with_parent
from service.experiments.records import Unseen
from service.experiments.shadow import MOST_BYTES, Work, lose
from service.store.rows import Shadow as ShadowRow

logger = logging.getLogger("bentoml.bonsai")
MOST_WAITING = 1024  # requests
LOOK_S, FULL_S, CLOSE_S = 0.5, 0.02, 2.0


class Shadowing:
    """Answers requests by other arms, one after another, and hands on what they say."""

    def __init__(self, variants: Mapping[str, tuple[str, Predictor]], rows: Unseen) -> None:
        """`variants` holds version and predictor by name."""
        self._variants, self._rows = variants, rows
        self._waiting: deque[Work] = deque()
        self._some = threading.Semaphore(0)
        self._random = Random(0)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shadows", daemon=True)
        self._thread.start()

    @property
    def is_full(self) -> bool:
        """Tell whether so many requests wait that no more should be taken."""
        return len(self._waiting) >= MOST_WAITING

    def take(self, work: Work) -> None:
        """Let a request wait for its turn."""
        self._waiting.append(work)
        self._some.release()

    def close(self, timeout: float) -> None:
        """Hand on what is answered, for so many seconds at most; requests that still wait are lost."""
        self._end.set()
        self._some.release()
        self._thread.join(timeout)
        for work in self._waiting:
            lose(len(work.rows), len(work.arms))
        self._rows.close()

    def _run(self) -> None:
        yielding = Yielding()
        while self._some.acquire() and not self._end.is_set():
            work = self._waiting.popleft()
            try:
                with yielding:
                    self.answer(work)
            except Exception as problem:  # whatever a text does to a model, the next one is another
                log_failure(logger, problem, "a request was not answered unseen")
                lose(len(work.rows), len(work.arms))
            if self._rows.is_enough or not self._waiting:
                self._rows.send()
        self._rows.send()

    def answer(self, work: Work) -> None:
        """Run one request's texts on its arms and, for its time, on the control; one by one, so that a long request
        holds nothing for long.
        """
        for row in work.rows:
            # Whoever is first meets words that the others find in the tokenizer's memory: chance says who.
            asked = self._random.sample([work.control, *work.arms], len(work.arms) + 1)
            found = {name: self._ask(name, row.text) for name in asked}
            control_ms = found[work.control][1]
            for arm in work.arms:
                prediction, ms = found[arm]
                self._rows.offer(
                    ShadowRow(
                        prediction_id=row.key, experiment=work.experiment, revision=work.revision,
                        served=work.control, served_label=row.label, served_score=row.score, served_ms=control_ms,
                        arm=arm, version=self._variants[arm][0], label=prediction.label,
                        score=prediction.top[0][1], ms=ms, at=work.at,
                    )
                )  # fmt: skip

    def _ask(self, arm: str, text: str) -> tuple[Prediction, float]:
        # The thread's own time: it waits for whoever else wants the processor.
        began = time.thread_time()
        prediction = self._variants[arm][1].predict([text])[0]
        return prediction, (time.thread_time() - began) * 1000


def main() -> None:
    """Listen at an address until ended."""
    parser = argparse.ArgumentParser(prog="python -m service.experiments.shadowing", description=__doc__)
    parser.add_argument("address", type=Path)
    parser.add_argument("recorder", type=Path)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--packed", type=Path)
    given = parser.parse_args()
    end_with_parent()
    give_way(LEAST, idle=True)
    given.address.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(given.address))
    folders = dict(entry.split("=", 1) for entry in given.folders)
    loaded = load_variants({name: Path(folder) for name, folder in folders.items()}, packed=given.packed)
    variants = {name: (card.version, predictor) for name, (card, predictor) in loaded.items()}
    shadowing = Shadowing(variants, Unseen(given.recorder))
    end = Ended()
    listener.settimeout(LOOK_S)
    while not end.is_set:
        if shadowing.is_full:  # workers notice, and make nothing ready that would be dropped
            time.sleep(FULL_S)
        else:
            with contextlib.suppress(TimeoutError):
                shadowing.take(Work.decode(listener.recv(MOST_BYTES)))
    shadowing.close(CLOSE_S)
    os._exit(0)  # whatever its thread computes


if __name__ == "__main__":
    main()
