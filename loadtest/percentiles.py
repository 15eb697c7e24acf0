"""Percentiles out of histograms, left empty where the count behind them cannot carry them."""

from bisect import bisect_left

from hdrh.histogram import HdrHistogram
from scipy.special import bdtr  # the binomial distribution; scipy.stats takes a second to import

PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)
BEYOND = 10  # answers that must lie beyond a percentile: p99 needs 1,000 in all, p99.9 needs 10,000


def milliseconds(histogram: HdrHistogram, percentile: float) -> float | None:
    """Return a percentile, or None when fewer than ten answers lie beyond it."""
    if round(histogram.get_total_count() * (100 - percentile) / 100, 6) < BEYOND:
        return None
    return float(histogram.get_value_at_percentile(percentile)) / 1000


def interval(histogram: HdrHistogram, percentile: float) -> tuple[float, float] | None:
    """Return a percentile's 95 % interval from order statistics, which assume nothing of the times; None where there is no percentile."""
    count, share = histogram.get_total_count(), percentile / 100
    if milliseconds(histogram, percentile) is None:
        return None
    # The number of answers below the true percentile is binomial, whatever the times look like.
    low = bisect_left(range(count), 0.025, key=lambda rank: bdtr(rank, count, share))
    high = bisect_left(range(count), 0.975, key=lambda rank: bdtr(rank, count, share)) + 1
    return _at_rank(histogram, max(low, 1)), _at_rank(histogram, min(high, count))


def share_above(histogram: HdrHistogram, limit: float) -> float:
    """Return the share of answers that took longer than `limit` milliseconds."""
    count = histogram.get_total_count()
    above = sum(item.count_at_value_iterated_to for item in histogram.get_recorded_iterator() if item.value_iterated_to > limit * 1000)
    return above / count if count else 1.0


def _at_rank(histogram: HdrHistogram, rank: int) -> float:
    return float(histogram.get_value_at_percentile(100 * rank / histogram.get_total_count())) / 1000
