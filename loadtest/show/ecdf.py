"""The picture of all response times: which share of the answers came within which time."""

from loadtest.figures.comparison import Comparison
from loadtest.numbers.recording import merged
from loadtest.scenarios.registry import RANKING
from loadtest.show.canvas import COLORS, canvas, plain_numbers, png, say_empty


def share_within_time(comparison: Comparison) -> bytes:
    """Draw the empirical distribution of each variant's times, one request after another."""
    figure, axes = canvas(
        "Share of answers that came within a time, one request after another",
        "response time in ms (log scale)",
        "share of answers in %",
    )
    drawn = False
    for place, (name, variant) in enumerate(comparison.result.variants.items()):
        histogram = merged(one.histogram for one in variant.rounds(RANKING.name))
        count, below = histogram.get_total_count(), 0
        times, shares = [], []
        for item in histogram.get_recorded_iterator():
            below += item.count_at_value_iterated_to
            times.append(item.value_iterated_to / 1000)
            shares.append(100 * below / count)
        if times:
            drawn = True
            axes.step(
                times, shares, where="post", color=COLORS[place % len(COLORS)], label=f"{name} ({count:,} answers)"
            )
    if drawn:
        axes.set_xscale("log")
        plain_numbers(axes.xaxis)
        for percentile in (50, 90, 99):
            axes.axhline(percentile, color="#bbbbbb", linewidth=0.8, linestyle=":")
        axes.legend(frameon=False, fontsize=9, loc="lower right")
    else:
        say_empty(axes, "no variant has an answer")
    return png(figure, comparison, ["Dotted: p50, p90 and p99."])
