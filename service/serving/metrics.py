"""What Prometheus learns of every request, by variant and version; both are empty where no variant was asked."""

from functools import lru_cache
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

LABELS = ("variant", "version")
REQUESTS = Counter("bonsai_requests", "Requests by HTTP status", (*LABELS, "status"))
TEXTS = Counter("bonsai_texts", "Texts classified", LABELS)
SECONDS = Histogram(
    "bonsai_request_seconds",
    "Time from the first byte to the answer, waiting included",
    LABELS,
    buckets=(0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
# Of several workers the worst counts.
CHECKED = Gauge("bonsai_startup_check_texts", "Texts of the start-up check", LABELS, multiprocess_mode="max")
DIFFERING = Gauge(
    "bonsai_startup_check_differing",
    "Texts that got another label than when the variant was built",
    LABELS,
    multiprocess_mode="max",
)


def observe(variant: str, version: str, status: int, texts: int, seconds: float) -> None:
    """Count one request."""
    requests, seen, taken = _children(variant, version, status)
    requests.inc()
    if texts:
        seen.inc(texts)
    taken.observe(seconds)


@lru_cache(maxsize=1024)
def _children(variant: str, version: str, status: int) -> tuple[Any, Any, Any]:
    """Look the three up once: finding a child by its labels costs as much as counting does."""
    return (
        REQUESTS.labels(variant, version, str(status)),
        TEXTS.labels(variant, version),
        SECONDS.labels(variant, version),
    )
