"""What Prometheus learns of every request, by variant and version; both are empty where no variant was asked.

Where several processes are counted each figure is a place in a file, and to write a request's takes longer than to read
its body. So a worker adds them up, and writes the sums some times a second and before it is asked.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Callable

from prometheus_client import Counter, Gauge, Histogram

WRITTEN_S = 0.1
LABELS = ("variant", "version")
BUCKETS = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
REQUESTS = Counter("bonsai_requests", "Requests by HTTP status", (*LABELS, "status"))
TEXTS = Counter("bonsai_texts", "Texts classified", LABELS)
SECONDS = Histogram(
    "bonsai_request_seconds",
    "Time from the first byte to the answer, waiting included",
    LABELS,
    buckets=BUCKETS,
)
IN_FLIGHT = Gauge(
    "bonsai_requests_in_flight",
    "Requests whose headers are read and that are not answered",
    multiprocess_mode="livesum",
)
# Of the workers that live the worst counts.
CHECKED = Gauge("bonsai_startup_check_texts", "Texts of the start-up check", LABELS, multiprocess_mode="livemax")
DIFFERING = Gauge(
    "bonsai_startup_check_differing",
    "Texts that got another label than when the variant was built",
    LABELS,
    multiprocess_mode="livemax",
)


class Counts:
    """The requests of one variant, version and status: what was counted and is not written yet."""

    __slots__ = ("_buckets", "_metrics", "_requests", "_seconds", "_texts")

    def __init__(self, variant: str, version: str, status: int) -> None:
        self._metrics = (
            REQUESTS.labels(variant, version, str(status)),
            TEXTS.labels(variant, version),
            SECONDS.labels(variant, version),
        )
        self._clear()

    def _clear(self) -> None:
        self._requests, self._texts, self._seconds = 0, 0, 0.0
        self._buckets = [0] * (len(BUCKETS) + 1)

    def add(self, texts: int, seconds: float) -> None:
        """Count one request."""
        self._requests += 1
        self._texts += texts
        self._seconds += seconds
        self._buckets[bisect_left(BUCKETS, seconds)] += 1

    def write(self) -> None:
        """Give Prometheus what was counted since it was last given something."""
        if not self._requests:
            return
        requests, texts, taken = self._metrics
        requests.inc(self._requests)
        if self._texts:
            texts.inc(self._texts)
        # What `Histogram.observe` does, for many at once, which it cannot be asked.
        taken._sum.inc(self._seconds)
        for bucket, count in zip(taken._buckets, self._buckets, strict=True):
            if count:
                bucket.inc(count)
        self._clear()


_counted: dict[tuple[str, str, int], Counts] = {}


def observe(variant: str, version: str, status: int, texts: int, seconds: float) -> None:
    """Count one request, which is seen once it is written."""
    key = variant, version, status
    counts = _counted.get(key)
    if counts is None:
        counts = _counted[key] = Counts(*key)
    counts.add(texts, seconds)


def write() -> None:
    """Let Prometheus see all that is counted."""
    for counts in _counted.values():
        counts.write()


async def keep_written(in_flight: Callable[[], int] = int) -> None:
    """Write for ever, so that other workers' answers lack a fraction of a second at the most."""
    while True:
        await asyncio.sleep(WRITTEN_S)
        IN_FLIGHT.set(in_flight())
        write()
