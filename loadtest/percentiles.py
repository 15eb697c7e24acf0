"""Percentiles and means out of histograms, left empty where the count behind them cannot carry them."""

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
    return float(histogram.get_mean_value()) / 1000 if histogram.get_total_count() >= BEYOND else None


def share_above(histogram: HdrHistogram, limit: float) -> float:
    """Return the share of answers that took longer than `limit` milliseconds."""
    count = histogram.get_total_count()
    above = sum(item.count_at_value_iterated_to for item in histogram.get_recorded_iterator() if item.value_iterated_to > limit * 1000)
    return above / count if count else 1.0
