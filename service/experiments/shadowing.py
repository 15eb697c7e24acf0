"""The process beside the workers that runs requests on other arms, at the system's idle priority.

`python -m service.experiments.shadowing ADDRESS NAME=FOLDER …`; the service starts it while an experiment shadows.
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

from models.runtime.classifier import Prediction, Predictor
from models.runtime.loading import load_variants
from models.runtime.traces import log_failure
from service.experiments.companion import end_with_parent, ended_by_signal
from service.experiments.losses import Losses
from service.experiments.settings import database_url
from service.experiments.shadow import MOST_BYTES, Work, lose
from service.store.rows import Shadow as ShadowRow
from service.store.store import Store
from service.store.writer import Writer

logger = logging.getLogger("bentoml.bonsai")
MOST_WAITING = 1024  # requests
TELL_S, FULL_S = 0.5, 0.02


class Shadowing:
    """Answers requests by other arms, one after another, and writes down what they say."""

    def __init__(self, variants: Mapping[str, tuple[str, Predictor]], writer: Writer) -> None:
        """`variants` holds version and predictor by name."""
        self._variants, self._writer = variants, writer
        self._waiting: deque[Work] = deque()
        self._some = threading.Semaphore(0)
        self._random = Random(0)

    @property
    def is_full(self) -> bool:
        """Tell whether so many requests wait that no more should be taken."""
        return len(self._waiting) >= MOST_WAITING

    def take(self, work: Work) -> None:
        """Let a request wait for its turn."""
        self._waiting.append(work)
        self._some.release()

    def run(self) -> None:
        """Answer for ever, whenever no other process wants the processor."""
        with contextlib.suppress(OSError, AttributeError):  # Linux alone has it
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        while True:
            self._some.acquire()
            work = self._waiting.popleft()
            try:
                self.answer(work)
            except Exception as problem:  # whatever a text does to a model, the next one is another
                log_failure(logger, problem, "a request was not answered unseen")
                lose(len(work.rows), len(work.arms))

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
                self._writer.offer(
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
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--packed", type=Path)
    given = parser.parse_args()
    end_with_parent()
    given.address.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(given.address))
    folders = dict(entry.split("=", 1) for entry in given.folders)
    loaded = load_variants({name: Path(folder) for name, folder in folders.items()}, packed=given.packed)
    writer = Writer(Store(database_url()))
    shadowing = Shadowing({name: (card.version, predictor) for name, (card, predictor) in loaded.items()}, writer)
    end = ended_by_signal()
    threading.Thread(target=shadowing.run, name="shadows", daemon=True).start()
    listener.settimeout(TELL_S)
    losses, told = Losses(writer), time.monotonic()
    while not end.is_set():
        if shadowing.is_full:  # workers notice, and make nothing ready that would be dropped
            end.wait(FULL_S)
        else:
            with contextlib.suppress(TimeoutError):
                shadowing.take(Work.decode(listener.recv(MOST_BYTES)))
        if time.monotonic() - told >= TELL_S:
            told = time.monotonic()
            losses.tell()
    writer.close(2.0)
    os._exit(0)  # whatever the thread of shadows computes


if __name__ == "__main__":
    main()
