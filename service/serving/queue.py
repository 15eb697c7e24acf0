"""The one queue of a worker: rows of all requests, in batches of like length, in turn between requests.

What was asked in one turn of the event loop forms a batch, and what takes a few milliseconds is computed on the loop
itself: a hop to a thread costs as much as a short text. Everything longer goes to one thread, which takes some rows of
each waiting request in turn, so that a short one never waits for a long one to end.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from models.runtime.classifier import Prediction
from models.runtime.traces import log_failure
from service.routes.exchange import Finish, Gone, Times
from service.serving.settings import BATCH_MS, INLINE_MS, MOST_WAITING
from service.variants.errors import Disconnected, Failed, Overloaded, TooLate, TooMuchAtOnce
from service.variants.registry import Loaded

GATHERED = 64  # short requests, of which more together gain nothing
LEAST_BITS = 6  # texts of under 64 characters are of like length

logger = logging.getLogger("bentoml.bonsai")


class Job:
    """One request: its texts, the rows that are left to do, and the future that gets what `finish` makes of them."""

    __slots__ = (
        "began", "deadline", "entered", "finish", "future", "left", "loaded", "ms", "predictions", "rows", "texts",
        "times", "top_k",
    )  # fmt: skip

    def __init__(
        self,
        loaded: Loaded,
        texts: Sequence[str],
        top_k: int,
        deadline: float,
        finish: Finish,
        times: Times | None,
        future: "asyncio.Future[Any]",
    ) -> None:
        self.loaded, self.texts, self.top_k, self.deadline = loaded, texts, top_k, deadline
        self.finish, self.times, self.future = finish, times, future
        self.ms = loaded.cost.of(texts)  # what is left to do of it
        self.left = len(texts)
        self.rows: list[int] = []  # those of a long one that are not taken yet, the longest first
        self.predictions: list[Any] = [None] * len(texts)
        self.entered = time.monotonic()
        self.began = 0.0

    def outcome(self) -> Any:
        """Return what `finish` makes of all predictions, or the error that there was instead."""
        for prediction in self.predictions:
            if isinstance(prediction, Failed):
                return prediction
        started = time.monotonic()
        try:
            result = self.finish(self.predictions)
        except Exception as problem:  # whatever it is, it is the answer to one request and not the end of the queue
            return problem
        if self.times is not None:
            self.times.queue, self.times.encode = self.began - self.entered, time.monotonic() - started
        return result


Batch = list[tuple[Job, Sequence[int]]]


class RowQueue:
    """The one way from the routes to the models; a request waits at most about `most_wait_ms`."""

    def __init__(self, most_wait_ms: float, is_alone: Callable[[], bool] = lambda: False) -> None:
        """`is_alone` tells whether the request that asks is the only one of its worker."""
        self._most_wait_ms, self._is_alone = most_wait_ms, is_alone
        # The jobs that the loop computes and those that the thread does, by variant, each in turn.
        self._short: dict[int, deque[Job]] = {}
        self._short_ms = 0.0
        self._scheduled, self._left = False, 0.0  # whether it will be gone on with, and when it was left
        self._refused = False  # whether any was, since then
        self._long: dict[int, deque[Job]] = {}
        self._waiting, self._long_ms = 0, 0.0
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None

    async def run(
        self,
        loaded: Loaded,
        texts: Sequence[str],
        top_k: int,
        deadline: float,
        finish: Finish,
        times: Times | None = None,
        gone: Gone | None = None,
    ) -> Any:
        """Return what `finish` makes of the predictions, done by `deadline`, a time.monotonic(), and dropped when
        `gone` returns (VariantError).
        """
        loop = asyncio.get_running_loop()
        job = Job(loaded, texts, top_k, deadline, finish, times, loop.create_future())
        if job.ms <= INLINE_MS:
            self._add_short(job, loop)
            return await job.future
        self._add_long(job, loop)
        watch = None if gone is None else asyncio.ensure_future(gone())
        if watch is not None:
            watch.add_done_callback(lambda _: _resolve(job.future, Disconnected("the connection was closed")))
        try:
            return await job.future
        finally:
            job.future.cancel()
            if watch is not None:
                watch.cancel()

    def _add_short(self, job: Job, loop: asyncio.AbstractEventLoop) -> None:
        if self._short_ms > self._most_wait_ms:
            self._refused = True
            raise _overloaded(sum(map(len, self._short.values())), self._short_ms, 0)
        self._short.setdefault(id(job.loaded), deque()).append(job)
        self._short_ms += job.ms
        if self._is_alone():  # nobody will share its batch: it need not wait for the loop's next turn
            self._drain(loop)
        elif not self._scheduled:
            self._scheduled, self._left = True, time.monotonic()
            loop.call_soon(self._gather, loop, 0)

    def _gather(self, loop: asyncio.AbstractEventLoop, before: int) -> None:
        """Let the loop turn while each turn brings more requests: together they take less than one after another."""
        count = sum(map(len, self._short.values()))
        # Together: alone they would take a small variant several times as long.
        ms = sum(jobs[0].loaded.cost.batched * sum(job.left for job in jobs) for jobs in self._short.values())
        if count > before and count < GATHERED and ms < INLINE_MS:
            loop.call_soon(self._gather, loop, count)
        else:
            self._drain(loop)

    def _drain(self, loop: asyncio.AbstractEventLoop) -> None:
        """Compute what was asked in this turn of the loop, for a few milliseconds; the rest after its next turn.

        A turn that took longer because it had a thousand requests to refuse is followed by as much work, up to a batch
        of the thread's: or else refusing would be all that is done. Where none is refused all that comes is work, and
        short turns are what health and metrics wait for.
        """
        ms, budget = 0.0, INLINE_MS
        if self._refused and self._scheduled:
            budget = max(budget, min(BATCH_MS, 1000 * (time.monotonic() - self._left)))
        self._refused = False
        while self._short and ms < budget:
            key, jobs = next(iter(self._short.items()))
            batch: Batch = []
            rows, cost = 0, jobs[0].loaded.cost
            in_company = min(1.0, cost.batched / cost.alone) if cost.alone else 1.0
            while jobs and (not batch or rows + jobs[0].left <= cost.batch):
                job = jobs.popleft()
                self._short_ms -= job.ms
                if (problem := _reason_to_drop(job)) is not None:
                    _resolve(job.future, problem)
                    continue
                batch.append((job, range(job.left)))
                rows += job.left
                ms += job.ms * (in_company if rows > 1 else 1.0)
            del self._short[key]
            if jobs:
                self._short[key] = jobs  # behind the other variants
            for job, outcome in _compute(batch):
                _resolve(job.future, outcome)
        self._scheduled = bool(self._short)
        if self._scheduled:
            self._left = time.monotonic()
            loop.call_soon(self._drain, loop)

    def _add_long(self, job: Job, loop: asyncio.AbstractEventLoop) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, args=(loop,), name="rows", daemon=True)
            self._thread.start()
        with self._condition:
            wait = self._wait(job.ms)
            if wait > self._most_wait_ms or self._waiting >= MOST_WAITING:
                if self._waiting >= MOST_WAITING:
                    raise _overloaded(self._waiting, wait, 0)
                raise _overloaded(self._waiting, wait, len(job.texts[0]) if len(job.texts) == 1 else None)
            time_left = job.deadline - job.entered
            # Twice over: what it will take is an estimate.
            if len(job.texts) > 1 and job.ms / 1000 > 2 * time_left:
                raise TooMuchAtOnce(
                    f"{len(job.texts)} texts would take '{job.loaded.card.name}' about {job.ms / 1000:.1f} s; expected "
                    f"what it can do in {time_left:.{1 if time_left > 1 else 3}f} s: send fewer texts in a request"
                )
            job.rows = sorted(range(job.left), key=lambda row: len(job.texts[row]), reverse=True)
            self._long.setdefault(id(job.loaded), deque()).append(job)
            self._waiting += 1
            self._long_ms += job.ms
            self._condition.notify()

    def _wait(self, ms: float, more: int = 0) -> float:
        """Return for how long about a job of `ms` waits: in turn with others, for as much of each as it takes itself,
        and never for more than there is.
        """
        return min(self._long_ms + more * ms, (self._waiting + more) * ms)

    def is_full(self, loaded: Loaded, more: int, characters: int = 0) -> bool:
        """Tell whether another single text of so many characters would be refused, with `more` such under way."""
        cost = loaded.cost
        ms = cost.alone + cost.character * min(characters, cost.most_characters)
        if ms <= INLINE_MS:  # what was let through is in the queue after a turn of the loop
            self._refused |= (full := self._short_ms > self._most_wait_ms)
            return full
        return self._wait(ms, more) > self._most_wait_ms or self._waiting + more >= MOST_WAITING

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            with self._condition:
                while not self._long:
                    self._condition.wait()
                jobs = next(iter(self._long.values()))
            try:
                self._do_some(loop)
            except Exception as problem:  # the thread goes on: whoever comes next would wait for it in vain
                log_failure(logger, problem, "%d requests failed while they waited", len(jobs))
                self._give_up(jobs, loop)

    def _do_some(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._condition:
            batch = self._next_batch(loop)
        before = sum(job.ms for job, _ in batch)
        done = list(_compute(batch))
        with self._condition:
            self._long_ms -= before - sum(job.ms for job, _ in batch)
            for job, _ in done:
                self._forget(job)
        for job, outcome in done:
            _resolve_in(loop, job, outcome)

    def _give_up(self, jobs: deque[Job], loop: asyncio.AbstractEventLoop) -> None:
        """Fail the requests of a variant whose turn ended with an exception."""
        with self._condition:
            for job in list(jobs):
                self._forget(job)
                _resolve_in(loop, job, Failed(f"the service failed before '{job.loaded.card.name}' was asked"))
            self._long_ms = sum(job.ms for waiting in self._long.values() for job in waiting)

    def _next_batch(self, loop: asyncio.AbstractEventLoop) -> Batch:
        """Take the next rows of the variant whose turn it is: of like length, and as many of each job as of the
        others.
        """
        jobs = next(iter(self._long.values()))
        for job in list(jobs):
            if (problem := _reason_to_drop(job)) is not None:
                self._forget(job)
                _resolve_in(loop, job, problem)
        if not jobs:
            return []
        key = id(jobs[0].loaded)
        self._long[key] = self._long.pop(key)  # behind the other variants
        cost, bits = jobs[0].loaded.cost, _bits(jobs[0])
        share, free, ms = max(1, cost.batch // len(jobs)), cost.batch, 0.0
        taken: dict[int, tuple[Job, list[int]]] = {}
        for job in list(jobs):
            rows = list[int]()
            while job.rows and _bits(job) == bits and len(rows) < share and free and (ms < BATCH_MS or not taken):
                rows.append(job.rows.pop())
                ms += cost.batched + cost.character * min(len(job.texts[rows[-1]]), cost.most_characters)
                free -= 1
                if ms >= BATCH_MS:
                    break
            if rows:
                taken[id(job)] = job, rows
        for job, _ in taken.values():  # behind the other jobs
            jobs.remove(job)
            jobs.append(job)
        return list(taken.values())

    def _forget(self, job: Job) -> None:
        jobs = self._long[id(job.loaded)]
        jobs.remove(job)
        self._waiting -= 1
        self._long_ms -= job.ms
        if not jobs:
            del self._long[id(job.loaded)]


def _bits(job: Job) -> int:
    """Return the length of a job's next text in bits: padding at most doubles what is alike in it."""
    return max(LEAST_BITS, len(job.texts[job.rows[-1]]).bit_length())


def _reason_to_drop(job: Job) -> Exception | None:
    if job.future.done():  # the client went away
        return Disconnected("the connection was closed")
    if time.monotonic() > job.deadline:
        return TooLate(
            f"out of time after {len(job.texts) - job.left} of {len(job.texts)} texts; send fewer texts in a request, "
            "or try again later"
        )
    return None


def _compute(batch: Batch) -> Iterator[tuple[Job, Any]]:
    """Classify a batch, and yield the jobs that are done with it and their outcome."""
    if not batch:
        return
    began, predictor = time.monotonic(), batch[0][0].loaded.predictor
    times = Times() if any(job.times is not None for job, _ in batch) else None
    top_k = max(job.top_k for job, _ in batch)
    texts = [job.texts[row] for job, rows in batch for row in rows]
    try:
        predictions: list[Any] = predictor.predict(texts, top_k, times)
        if len(predictions) != len(texts):
            raise ValueError(f"{len(predictions)} predictions for {len(texts)} texts")
    except Exception as problem:  # one bad text hurts nobody else
        log_failure(logger, problem, "a batch of %d texts failed; each is tried alone", len(texts))
        predictions = [_alone(job, text, top_k) for job, rows in batch for text in map(job.texts.__getitem__, rows)]
    done = iter(predictions)
    for job, rows in batch:
        job.began = job.began or began
        for row in rows:
            job.predictions[row] = next(done)
        job.ms *= 1 - len(rows) / job.left
        job.left -= len(rows)
        if job.times is not None and times is not None:
            job.times.tokenize += times.tokenize
            job.times.infer += times.infer
        if not job.left:
            yield job, job.outcome()


def _alone(job: Job, text: str, top_k: int) -> Prediction | Failed:
    try:
        return job.loaded.predictor.predict([text], top_k)[0]
    except Exception as problem:
        return Failed(f"'{job.loaded.card.name}' failed on texts[{job.texts.index(text)}] ({type(problem).__name__})")


def _overloaded(waiting: int, ms: float, characters: int | None) -> Overloaded:
    return Overloaded(
        f"{waiting} requests are waiting, about {ms / 1000:.1f} s of work before this one; expected less: try again "
        "later",
        ms / 1000,
        characters,
    )


def _resolve_in(loop: asyncio.AbstractEventLoop, job: Job, outcome: Any) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(_resolve, job.future, outcome)


def _resolve(future: "asyncio.Future[Any]", outcome: Any) -> None:
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
