"""Percentiles out of histograms, left empty where the count behind them cannot carry them."""

from collections.abc import Iterable

from hdrh.histogram import HdrHistogram

from loadtest.recording import empty_histogram

PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)
BEYOND = 10  # answers that must lie beyond a percentile: p99 needs 1,000 in all, p99.9 needs 10,000


def merged(encoded: Iterable[str]) -> HdrHistogram:
    """Add up the encoded histograms of several rounds."""
    total = empty_histogram()
    for histogram in encoded:
        total.decode_and_add(histogram)
    return total


def milliseconds(histogram: HdrHistogram, percentile: float) -> float | None:
    """Return a percentile, or None when fewer than ten answers lie beyond it."""
    if round(histogram.get_total_count() * (100 - percentile) / 100, 6) < BEYOND:
        return None
    return float(histogram.get_value_at_percentile(percentile)) / 1000
