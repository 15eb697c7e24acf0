import random

import numpy as np

from loadtest.percentiles import merged, milliseconds
from loadtest.recording import Recording, empty_histogram


def recorded(microseconds: list[float]) -> Recording:
    recording = Recording()
    for time in microseconds:
        recording.add(round(time * 1000))
    return recording


def test_percentiles_agree_with_the_raw_times() -> None:
    drawn = random.Random(1)
    times = [drawn.lognormvariate(6.2, 0.6) for _ in range(20_000)]
    halves = [recorded(times[:9_000]), recorded(times[9_000:])]
    both = merged(half.to_json()["histogram"] for half in halves)
    for percentile in (50.0, 90.0, 95.0, 99.0, 99.9):
        exact = float(np.quantile(times, percentile / 100, method="inverted_cdf")) / 1000
        found = milliseconds(both, percentile)
        assert found is not None
        assert abs(found - exact) <= 0.002 * exact + 0.001


def test_a_percentile_needs_ten_answers_beyond_it() -> None:
    for percentile, needed in ((50.0, 20), (90.0, 100), (95.0, 200), (99.0, 1_000), (99.9, 10_000)):
        enough = recorded([500.0] * needed).histogram
        assert milliseconds(enough, percentile) is not None
        assert milliseconds(recorded([500.0] * (needed - 1)).histogram, percentile) is None
    assert milliseconds(empty_histogram(), 50.0) is None
