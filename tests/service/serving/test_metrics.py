"""What is added up and written together is what Prometheus would have counted one by one."""

import asyncio

from prometheus_client import REGISTRY as GIVEN
from prometheus_client import CollectorRegistry, Histogram

from service.serving import metrics

SECONDS = (0.0, 0.0001, 0.00011, 0.3, 10.0, 11.0, 0.3)


def value(name: str, **labels: str) -> float | None:
    return GIVEN.get_sample_value(name, {"variant": "added", "version": "1", **labels})


def test_sums_are_what_counting_one_by_one_gives() -> None:
    one_by_one = Histogram("one_by_one", "", registry=(registry := CollectorRegistry()), buckets=metrics.BUCKETS)
    for part in (SECONDS[:3], SECONDS[3:]):
        for seconds in part:
            metrics.observe("added", "1", 200, 2, seconds)
            one_by_one.observe(seconds)
        metrics.write()
        metrics.write()  # nothing is counted twice
    metrics.observe("added", "1", 429, 0, 0.3)
    assert value("bonsai_requests_total", status="429") in (None, 0.0)
    metrics.write()
    one_by_one.observe(0.3)
    assert value("bonsai_requests_total", status="200") == len(SECONDS)
    assert value("bonsai_requests_total", status="429") == 1
    assert value("bonsai_texts_total") == 2 * len(SECONDS)
    for bound in (*map(str, map(float, metrics.BUCKETS)), "+Inf"):
        assert value("bonsai_request_seconds_bucket", le=bound) == registry.get_sample_value(
            "one_by_one_bucket", {"le": bound}
        )
    total = registry.get_sample_value("one_by_one_sum")
    assert total is not None
    assert abs((value("bonsai_request_seconds_sum") or 0.0) - total) < 1e-9


def test_what_is_counted_is_written_by_itself() -> None:
    async def run() -> None:
        writing = asyncio.create_task(metrics.keep_written())
        metrics.observe("written", "1", 200, 1, 0.1)
        while GIVEN.get_sample_value("bonsai_texts_total", {"variant": "written", "version": "1"}) != 1:
            await asyncio.sleep(metrics.WRITTEN_S / 10)
        writing.cancel()

    asyncio.run(asyncio.wait_for(run(), 20))
