"""Percentiles and means out of histograms, left empty where the count behind them cannot carry them."""

from functools import cache

import numpy as np
import numpy.typing as npt
from hdrh.histogram import HdrHistogram

PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)
BEYOND = 10  # answers that must lie beyond a percentile: p99 needs 1,000 in all, p99.9 needs 10,000
BEYOND_IN_A_ROUND = 5  # of a round, whose figure other rounds must confirm: p99 needs 500


def milliseconds(histogram: HdrHistogram, percentile: float, beyond: int = BEYOND) -> float | None:
    """Return a percentile, or None when fewer answers than `beyond` lie beyond it."""
    if round(histogram.get_total_count() * (100 - percentile) / 100, 6) < beyond:
        return None
    return float(histogram.get_value_at_percentile(percentile)) / 1000


def mean(histogram: HdrHistogram) -> float | None:
    """Return the mean in milliseconds, or None when there are fewer than ten answers."""
    if histogram.get_total_count() < BEYOND:
        return None
    counts = np.ctypeslib.as_array(histogram.counts)
    return float(np.average(_middles(len(counts), histogram.sub_bucket_half_count_magnitude), weights=counts)) / 1000


@cache
def _middles(length: int, magnitude: int) -> npt.NDArray[np.int64]:
    """Return the middle of every count's range in microseconds, which `HdrHistogram.get_mean_value` works out in Python for each count of each histogram."""
    places, half = np.arange(length), 1 << magnitude
    bucket = (places >> magnitude) - 1
    shift = np.maximum(bucket, 0)
    middles: npt.NDArray[np.int64] = ((places & (half - 1)) + half * (bucket >= 0) << shift) + ((1 << shift) >> 1)
    return middles


def share_above(histogram: HdrHistogram, limit: float) -> float:
    """Return the share of answers that took longer than `limit` milliseconds."""
    count = histogram.get_total_count()
    above = sum(item.count_at_value_iterated_to for item in histogram.get_recorded_iterator() if item.value_iterated_to > limit * 1000)
    return above / count if count else 1.0
