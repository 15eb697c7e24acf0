"""The picture of the tails: p99 of each variant with its interval."""

from loadtest.figures.comparison import Comparison
from loadtest.show.canvas import COLORS, canvas, plain_numbers, png, say_empty


def p99_bars(comparison: Comparison) -> bytes:
    """Draw each variant's p99 as a bar, with its p50 as a mark."""
    figure, axes = canvas(
        "p99 latency, one request after another", "response time in ms (log scale; shorter is faster)", ""
    )
    rows = comparison.rows()
    drawn = [(row, time) for row in rows if (time := row.times[99.0]) is not None]
    ends = [bounds.high if (bounds := row.intervals[99.0]) else time for row, time in drawn]
    for place, ((row, time), end) in enumerate(zip(drawn, ends, strict=True)):
        axes.barh(place, time, color=COLORS[rows.index(row) % len(COLORS)], alpha=0.75, height=0.6)
        if bounds := row.intervals[99.0]:
            axes.errorbar(
                time, place, xerr=[[time - bounds.low], [bounds.high - time]], color="#222222", capsize=4, linewidth=1.2
            )
        axes.plot([row.times[50.0] or time], [place], marker="|", markersize=22, color="#222222")
        axes.annotate(
            f"{time:.2f} ms", (end, place), xytext=(7, 0), textcoords="offset points", va="center", fontsize=9
        )
    if drawn:
        axes.set_xscale("log")
        axes.set_xlim(min(row.times[50.0] or time for row, time in drawn) / 1.6, max(ends) * 1.5)
        axes.set_yticks(range(len(drawn)), [row.name for row, _ in drawn])
        axes.set_ylim(
            max(len(drawn), 3) - 0.5, -0.5
        )  # the first variant on top, and no bar taller than it is in company
        plain_numbers(axes.xaxis)
        axes.grid(False, axis="y")
    else:
        say_empty(axes, "no variant has enough answers for a p99")
    left_out = [f"{row.name} is left out: too few answers for a p99." for row in rows if row.times[99.0] is None]
    return png(
        figure, comparison, ["Line: 95 % interval over rounds, where each has answers enough. Mark: p50.", *left_out]
    )
