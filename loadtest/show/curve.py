"""The picture of latency against throughput: where each variant's tail begins to rise, and at which rate it passes the
limit.
"""

from loadtest.figures.comparison import Comparison
from loadtest.scenarios.ramp import CURVE_PERCENTILE, SCENARIO, SHARES
from loadtest.search.confirmation import CONFIRMED_SHARE
from loadtest.show.canvas import COLORS, canvas, plain_numbers, png, say_empty


def latency_against_throughput(comparison: Comparison) -> bytes:
    """Draw p95 against the rate offered on the ramp."""
    figure, axes = canvas(
        "p95 latency against throughput, Poisson arrivals",
        "requests a second (log scale; right is more)",
        f"p{CURVE_PERCENTILE:g} response time in ms from the intended start (log scale)",
    )
    drawn = False
    for place, (name, variant) in enumerate(comparison.result.variants.items()):
        if points := SCENARIO.curve(variant.rounds(SCENARIO.name)):
            drawn = True
            axes.plot(
                *zip(*points, strict=True), marker="o", markersize=4, color=COLORS[place % len(COLORS)], label=name
            )
    limit = comparison.result.conditions.limit_ms
    if drawn:
        axes.set_xscale("log")
        axes.set_yscale("log")
        plain_numbers(axes.xaxis)
        plain_numbers(axes.yaxis)
        if limit is not None:
            axes.axhline(limit, color="#b00020", linewidth=1, linestyle="--", label=f"p99 limit, {limit:g} ms")
        axes.legend(frameon=False, fontsize=9)
    else:
        say_empty(axes, "no step of the ramp has enough answers")
    return png(
        figure,
        comparison,
        [f"The last point of a curve lies {SHARES[-1] / CONFIRMED_SHARE - 1:.0%} above the rate of Server's rounds."],
    )
