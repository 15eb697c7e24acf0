"""The picture of latency against throughput: where each variant's tail begins to rise, and at which rate it passes the limit."""

from loadtest.canvas import COLORS, canvas, plain_numbers, png, say_empty
from loadtest.percentiles import milliseconds
from loadtest.recording import merged
from loadtest.result import Result
from loadtest.schedule import RAMP_SHARES
from loadtest.settle import CONFIRMED_SHARE
from loadtest.summary import RAMP, rounds_of

PERCENTILE = 95.0  # a ramp's steps are short, and seldom carry a p99


def latency_against_throughput(result: Result) -> bytes:
    """Draw p95 against the rate offered on the ramp."""
    figure, axes = canvas(
        "p95 latency against throughput, Poisson arrivals",
        "requests a second (log scale; right is more)",
        f"p{PERCENTILE:g} response time in ms from the intended start (log scale)",
    )
    drawn = False
    for place, (name, variant) in enumerate(result["variants"].items()):
        steps = sorted((one["offered"], milliseconds(merged([one["histogram"]]), PERCENTILE)) for one in rounds_of(variant, RAMP))
        points = [(rate, time) for rate, time in steps if time is not None]
        if points:
            drawn = True
            axes.plot(*zip(*points, strict=True), marker="o", markersize=4, color=COLORS[place % len(COLORS)], label=name)
    limit = result["conditions"].get("limit_ms")
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
    return png(figure, result, [f"The last point of a curve lies {RAMP_SHARES[-1] / CONFIRMED_SHARE - 1:.0%} above the rate of Server's rounds."])
