"""Percentiles and means out of histograms, left empty where the count behind them cannot carry them."""

from functools import cache

import numpy as np
import numpy.typing as npt
from hdrh.histogram import HdrHistogram

Numbers = npt.NDArray[np.int64]

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
    counts, lowest, width = _counts(histogram)
    return float(np.average(lowest + (width >> 1), weights=counts)) / 1000


def share_above(histogram: HdrHistogram, limit: float) -> float:
    """Return the share of answers that took longer than `limit` milliseconds."""
    if not (count := histogram.get_total_count()):
        return 1.0
    counts, lowest, width = _counts(histogram)
    return int(counts[lowest + width - 1 > limit * 1000].sum()) / int(count)


def _counts(histogram: HdrHistogram) -> tuple[Numbers, Numbers, Numbers]:
    """Return every count, the lowest of its values in microseconds and how many they are: the histogram's own methods
    go through them in Python.
    """
    counts: Numbers = np.ctypeslib.as_array(histogram.counts)
    return counts, *_ranges(len(counts), histogram.sub_bucket_half_count_magnitude)


@cache
def _ranges(length: int, magnitude: int) -> tuple[Numbers, Numbers]:
    places, half = np.arange(length), 1 << magnitude
    bucket = (places >> magnitude) - 1
    shift = np.maximum(bucket, 0)
    return (places & (half - 1)) + half * (bucket >= 0) << shift, 1 << shift
