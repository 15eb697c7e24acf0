"""What Prometheus learns of every request, by variant and version."""

from prometheus_client import Counter, Gauge, Histogram

LABELS = ("variant", "version")
REQUESTS = Counter("bonsai_requests", "Prediction requests by HTTP status", (*LABELS, "status"))
TEXTS = Counter("bonsai_texts", "Texts classified", LABELS)
SECONDS = Histogram(
    "bonsai_request_seconds",
    "Time from the first byte to the answer",
    LABELS,
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
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
    REQUESTS.labels(variant, version, str(status)).inc()
    TEXTS.labels(variant, version).inc(texts)
    SECONDS.labels(variant, version).observe(seconds)
