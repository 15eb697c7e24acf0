"""The thread that writes: predictions leave rows in a bounded queue and never wait; feedback waits for its commit.

While the store is away, read-only or full, rows wait until the queue is full and are dropped then, counted by the
reason; the thread tries again every second at the latest, and goes on by itself.
"""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext

from models.runtime.traces import log_failure
from models.runtime.yielding import Yielding
from service.store.errors import (
    NewerSchema,
    OlderSchema,
    StoreAway,
    StoreError,
    StoreFull,
    StoreReadOnly,
    Waiting,
)
from service.store.rows import Outcome, Served, Shadow, Truth
from service.store.store import Store

MOST_ROWS, MOST_TRUTHS = 10_000, 10_000  # that wait
BATCH = 1000  # rows a transaction
# How long a row waits for others. Nobody is told of it, because waking a thread costs more than a row; and of a
# thousand rows in one transaction each takes 27 microseconds of a core, of eighty 46, which callers would miss.
POLL_SECONDS = 0.25
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0  # seconds between tries while the store is away
FULL_QUEUE, REFUSED, CLOSED = "full queue", "refused row", "closed"
PASSING = (StoreAway, StoreReadOnly, StoreFull, OlderSchema, NewerSchema)  # the store's fault, not the rows'

logger = logging.getLogger("bentoml.bonsai")


class Writer:
    """One thread a process, which writes what is offered and given."""

    def __init__(
        self, store: Store, most: int = MOST_ROWS, most_truths: int = MOST_TRUTHS, *, background: bool = False
    ) -> None:
        """With `background`, writing rows gives way to other processes."""
        self._store, self._most, self._most_truths = store, most, most_truths
        self._rows: deque[Served | Shadow] = deque()
        self._batch: list[Served | Shadow] = []  # taken from the rows, and not yet written
        self._truths: deque[tuple[Sequence[Truth], Future[list[Outcome]]]] = deque()
        self._truths_waiting = 0
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._dropped = Counter[str]()
        self._written = 0
        self._reason = FULL_QUEUE
        self._sentence = ""
        self._until: float | None = None  # when a closing writer gives up
        self._pause = 0.0
        self._background = background
        self._yielding: AbstractContextManager[None] = nullcontext()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    @property
    def written(self) -> int:
        """Rows that were committed."""
        return self._written

    @property
    def dropped(self) -> Mapping[str, int]:
        """Rows that were lost, by reason."""
        with self._lock:
            return dict(self._dropped)

    @property
    def pending(self) -> int:
        """Rows that wait to be written."""
        return len(self._rows) + len(self._batch)

    @property
    def failing(self) -> str:
        """Why the last try failed, in one sentence, or nothing."""
        return self._sentence

    def offer(self, row: Served | Shadow) -> bool:
        """Leave a row to be written soon, without ever waiting; False, and counted, where the queue is full."""
        return self.offer_all((row,)) == 1

    def offer_all(self, rows: Sequence[Served | Shadow]) -> int:
        """Leave rows to be written soon, and return how many, from the first on, there was room for."""
        room = max(0, self._most - len(self._rows)) if self._until is None else 0
        self._rows.extend(rows[:room])
        if len(rows) > room:
            self._drop(CLOSED if self._until is not None else self._reason, len(rows) - room)
        return min(room, len(rows))

    def give(self, truths: Sequence[Truth]) -> "Future[list[Outcome]]":
        """Return a future of what came of this feedback, which is done after the commit; its exception is a StoreError
        where the store cannot write now, and the same feedback may be given again then.
        """
        future: Future[list[Outcome]] = Future()
        with self._lock:
            waiting = self._truths_waiting
            if self._until is not None:
                future.set_exception(StoreAway("the service is stopping; send the feedback again"))
            elif waiting + len(truths) > self._most_truths:
                future.set_exception(
                    Waiting(
                        f"{waiting} labels wait to be written; expected {self._most_truths} at most: send them later"
                    )
                )
            else:
                self._truths_waiting += len(truths)
                self._truths.append((truths, future))
                self._wake.set()
        return future

    def close(self, timeout: float = 5.0) -> bool:
        """Write what waits, for so many seconds at most; False where something was lost."""
        with self._lock:
            self._until = time.monotonic() + timeout
        self._wake.set()
        self._thread.join(timeout + 1)
        with self._lock:
            left = len(self._rows) + len(self._batch)
            if left:
                self._dropped[CLOSED] += left
            self._rows.clear()
            self._batch = []
        return not left and not self._thread.is_alive()

    def _run(self) -> None:
        if self._background:
            self._yielding = Yielding()
        while True:
            self._wake.wait(self._pause or POLL_SECONDS)
            self._wake.clear()
            try:
                self._write_truths()
                self._write_rows()
            except Exception as problem:  # whatever it is, the next rows must find a thread that writes them
                log_failure(logger, problem, "the store's writer goes on after an error")
            if self._until is not None and (self._empty() or time.monotonic() > self._until):
                self._refuse_truths()
                return

    def _empty(self) -> bool:
        return not (self._rows or self._batch or self._truths)

    def _write_truths(self) -> None:
        while self._truths:
            taken = self._take_truths()
            try:
                outcomes = self._store.write(truths=[truth for truths, _ in taken for truth in truths])
            except PASSING as error:
                self._failed(error)
                for _, future in taken:
                    future.set_exception(error)
                return
            except Exception:  # what one request sent may be what the database refuses: each by itself
                for truths, future in taken:
                    self._write_alone(truths, future)
                continue
            self._worked()
            start = 0
            for truths, future in taken:
                future.set_result(outcomes[start : start + len(truths)])
                start += len(truths)

    def _write_alone(self, truths: Sequence[Truth], future: "Future[list[Outcome]]") -> None:
        try:
            future.set_result(self._store.write(truths=truths))
        except StoreError as error:
            future.set_exception(error)
        except Exception as error:
            future.set_exception(StoreError(f"this feedback cannot be stored ({type(error).__name__})"))

    def _take_truths(self) -> "list[tuple[Sequence[Truth], Future[list[Outcome]]]]":
        taken: list[tuple[Sequence[Truth], Future[list[Outcome]]]] = []
        count = 0
        with self._lock:
            while self._truths and (not taken or count + len(self._truths[0][0]) <= BATCH):
                taken.append(self._truths.popleft())
                count += len(taken[-1][0])
            self._truths_waiting -= count
        return [(truths, future) for truths, future in taken if future.set_running_or_notify_cancel()]

    def _write_rows(self) -> None:
        while self._batch or self._rows:
            room = min(BATCH - len(self._batch), len(self._rows))
            self._batch += [self._rows.popleft() for _ in range(room)]
            try:
                with self._yielding:
                    self._write_some(list(self._batch))
            except PASSING as error:
                self._failed(error)
                return
            self._worked()
            if self._truths:  # somebody waits for those
                return

    def _write_some(self, rows: "list[Served | Shadow]") -> None:
        """Write rows, and of those that the database refuses, as many as it takes."""
        served = [row for row in rows if isinstance(row, Served)]
        shadows = [row for row in rows if not isinstance(row, Served)] if len(served) < len(rows) else []
        try:
            self._store.write(served, shadows)
        except PASSING:
            raise
        except Exception as error:
            if len(rows) == 1:
                logger.warning("a row was not recorded: %s", error)
                self._drop(REFUSED, 1)
                del self._batch[:1]
                return
            half = len(rows) // 2
            self._write_some(rows[:half])
            self._write_some(rows[half:])
        else:
            self._written += len(rows)
            del self._batch[: len(rows)]

    def _drop(self, reason: str, count: int) -> None:
        with self._lock:
            self._dropped[reason] += count

    def _failed(self, error: StoreError) -> None:
        self._pause = min(LONGEST_PAUSE, self._pause * 2 or FIRST_PAUSE)
        if self._reason != error.reason:
            logger.warning("nothing is recorded: %s", error)
        self._reason, self._sentence = error.reason, str(error)

    def _worked(self) -> None:
        if self._pause:
            logger.warning("recording goes on; rows lost so far: %s", sum(self.dropped.values()))
        self._pause, self._reason, self._sentence = 0.0, FULL_QUEUE, ""

    def _refuse_truths(self) -> None:
        while self._truths:
            for _, future in self._take_truths():
                future.set_exception(StoreAway("the service is stopping; send the feedback again"))
