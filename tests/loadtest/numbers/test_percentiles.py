import random

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram

from loadtest.numbers.percentiles import BEYOND_IN_A_ROUND, mean, milliseconds, share_above
from loadtest.numbers.recording import Recording, empty_histogram, merged


def recorded(microseconds: list[float]) -> Recording:
    recording = Recording()
    for time in microseconds:
        recording.add(round(time * 1000))
    return recording


def test_percentiles_agree_with_the_raw_times() -> None:
    drawn = random.Random(1)
    times = [drawn.lognormvariate(6.2, 0.6) for _ in range(20_000)]
    halves = [recorded(times[:9_000]), recorded(times[9_000:])]
    both = merged(half.measurement().histogram for half in halves)
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


def test_a_round_needs_fewer_since_others_must_confirm_it() -> None:
    assert milliseconds(recorded([500.0] * 500).histogram, 99.0, BEYOND_IN_A_ROUND) == 0.5
    assert milliseconds(recorded([500.0] * 499).histogram, 99.0, BEYOND_IN_A_ROUND) is None


def test_the_mean_counts_the_slow_answers_that_a_median_does_not_see() -> None:
    histogram = recorded([1000.0] * 90 + [11_000.0] * 10).histogram
    assert mean(histogram) == pytest.approx(2.0, rel=0.002)
    assert milliseconds(histogram, 50.0) == 1.0
    assert mean(recorded([1000.0] * 9).histogram) is None


def test_the_share_above_a_limit() -> None:
    histogram = recorded([1000.0] * 97 + [9000.0] * 3).histogram
    assert share_above(histogram, 5.0) == 0.03
    assert share_above(empty_histogram(), 5.0) == 1.0


@pytest.mark.parametrize("answers", [10, 1000])
def test_mean_and_share_are_the_librarys_also_of_a_stored_histogram(answers: int) -> None:
    draw, histogram = random.Random(answers), empty_histogram()
    for _ in range(answers):
        histogram.record_value(round(draw.lognormvariate(9, 2)) + 1)
    for one in (histogram, HdrHistogram.decode(histogram.encode())):
        assert mean(one) == pytest.approx(histogram.get_mean_value() / 1000)
        ends = [(item.value_iterated_to, item.count_at_value_iterated_to) for item in histogram.get_recorded_iterator()]
        for limit in (end + shift for end, _ in ends[:: len(ends) // 10] for shift in (-1, 0, 1)):
            assert share_above(one, limit / 1000) == sum(count for end, count in ends if end > limit) / answers
