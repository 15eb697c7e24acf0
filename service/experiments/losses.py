"""How much of what was answered is written down, and how much was lost and why: over all processes of this service."""

import os
from collections import Counter as Count
from typing import TYPE_CHECKING, Any

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge
from prometheus_client.multiprocess import MultiProcessCollector

if TYPE_CHECKING:
    from service.store.writer import Writer

WRITTEN = Counter("bonsai_records_written", "Answers and shadows that are in the store")
LOST = Counter("bonsai_records_lost", "Answers and shadows that were not written down", ("reason",))
PENDING = Gauge("bonsai_records_pending", "Answers and shadows that wait to be written", multiprocess_mode="livesum")


class Losses:
    """Tells Prometheus what one writer has written and dropped since it was told last."""

    def __init__(self, writer: "Writer") -> None:
        self._writer, self._written, self._dropped = writer, 0, Count[str]()

    def tell(self) -> None:
        """Tell it."""
        written, dropped = self._writer.written, Count(self._writer.dropped)
        WRITTEN.inc(written - self._written)
        for reason, count in (dropped - self._dropped).items():
            LOST.labels(reason).inc(count)
        PENDING.set(self._writer.pending)
        self._written, self._dropped = written, dropped


def recording() -> dict[str, Any]:
    """Return the sums over all processes, as a report shows them."""
    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    found: dict[str, Any] = {"written": 0, "dropped": {}, "pending": 0}
    for metric in registry.collect():
        for sample in metric.samples:
            if sample.name == "bonsai_records_written_total":
                found["written"] += int(sample.value)
            elif sample.name == "bonsai_records_lost_total" and sample.value:
                found["dropped"][sample.labels["reason"]] = int(sample.value)
            elif sample.name == "bonsai_records_pending":
                found["pending"] += int(sample.value)
    return found
