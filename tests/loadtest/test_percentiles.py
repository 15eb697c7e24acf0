import random

import numpy as np

from loadtest.percentiles import interval, milliseconds, share_above
from loadtest.recording import Recording, empty_histogram, merged


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


def test_the_interval_covers_the_true_percentile_about_as_often_as_it_says() -> None:
    drawn = random.Random(7)
    held = 0
    for _ in range(300):
        bounds = interval(recorded([drawn.uniform(10_000, 20_000) for _ in range(300)]).histogram, 90.0)
        assert bounds is not None
        held += bounds[0] <= 19.0 <= bounds[1]
    assert 0.91 <= held / 300 <= 0.99


def test_there_is_no_interval_where_there_is_no_percentile() -> None:
    assert interval(recorded([500.0] * 99).histogram, 90.0) is None
    assert interval(recorded([500.0] * 100).histogram, 90.0) == (0.5, 0.5)


def test_the_share_above_a_limit() -> None:
    histogram = recorded([1000.0] * 97 + [9000.0] * 3).histogram
    assert share_above(histogram, 5.0) == 0.03
    assert share_above(empty_histogram(), 5.0) == 1.0
