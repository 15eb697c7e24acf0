"""The report's pictures, as SVG: accuracy against latency with the Pareto front, and reliability diagrams (Guo et al.
2017, figure 1).
"""

import io
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator
from matplotlib.transforms import Bbox

from models.prove.confidence import Floats, reliability
from models.report.build_results import BuildResults, VariantResults

LOOKS = {  # color and marker: the verdict must not hang on color alone
    "reference": ("#374151", "s", "teacher"),
    "passed": ("#15803d", "o", "passed"),
    "undecided": ("#b45309", "D", "undecided"),
    "worse": ("#b91c1c", "X", "worse"),
}
GREY, PALE = "#6b7280", "#e5e7eb"
BEFORE, AFTER = (GREY, "white"), ("#1d4ed8", "#1d4ed8")  # line and face of the points of a reliability diagram
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "bonsai",  # without it every drawing has other ids
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
    "font.size": 9.0,
    "axes.edgecolor": "#9ca3af",
    "axes.labelcolor": "#374151",
    "xtick.color": "#4b5563",
    "ytick.color": "#4b5563",
}
AROUND = (
    (1, 0),
    (-1, 0),
    (1, 1),
    (-1, 1),
    (1, -1),
    (-1, -1),
    (0, 1),
    (0, -1),
)  # where a name may stand, seen from its point
DISTANCES = (7, 16, 28, 42, 58)  # points
DASHES = (0, (4, 3))
NAME_WEIGHT, LINE_WEIGHT = 3.0, 0.4  # a name across a thin line can still be read


def accuracy_against_latency(results: BuildResults, *, narrow: bool) -> bytes:
    """Draw every variant's accuracy with its interval against the time of one text, and the front that no variant beats
    in both.
    """
    with mpl.rc_context(STYLE):
        figure = _figure((4.1, 4.6) if narrow else (9.6, 5.2))
        axes = figure.add_subplot()
        axes.set_xlabel("mean time of one text in ms, one thread (log scale)")
        axes.set_ylabel("accuracy in % (bar: 95 % interval)")
        axes.grid(True, which="major", color=PALE, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        _frame(axes, results.variants)
        front = pareto_front(results.variants)
        axes.step(
            [one.mean_ms for one in front],
            [_percent(one) for one in front],
            where="post",
            color="#9ca3af",
            linewidth=1.4,
            zorder=2,
        )
        for result in results.variants:
            color, marker, _ = LOOKS[result.verdict]
            bar = result.card.accuracy
            axes.plot(
                [result.mean_ms] * 2,
                [100 * bar.low, 100 * bar.high],
                color=color,
                linewidth=1.6,
                alpha=0.45,
                zorder=3,
                solid_capstyle="butt",
            )
            axes.scatter(
                [result.mean_ms],
                [_percent(result)],
                color=color,
                marker=marker,
                s=46,
                zorder=4,
                edgecolors="white",
                linewidths=0.8,
            )
        if (lowest := _lowest_allowed(results)) is not None:
            axes.axhline(lowest, color=GREY, linewidth=1, linestyle=DASHES, zorder=1)
        _legend(figure, results, narrow=narrow)
        figure.draw_without_rendering()  # settles the layout, which the names' places depend on
        _name_points(figure, axes, results, front)
        return _svg(figure)


def pareto_front(variants: Sequence[VariantResults]) -> list[VariantResults]:
    """Return the variants that none beats in both accuracy and time, the fastest first."""
    front: list[VariantResults] = []
    for result in sorted(variants, key=lambda one: (one.mean_ms, -one.card.accuracy.value)):
        if not front or result.card.accuracy.value > front[-1].card.accuracy.value:
            front.append(result)
    return front


def reliability_diagrams(results: BuildResults, *, narrow: bool) -> bytes:
    """Draw, a panel a variant, how often it is right at each confidence, before and after the temperature."""
    columns = min(2 if narrow else 4, len(results.variants))
    rows = -(-len(results.variants) // columns)
    side = 2.05 if narrow else 2.4
    with mpl.rc_context(STYLE):
        figure = _figure((side * columns, (side + 0.3) * rows + 0.45))
        panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for place, panel in enumerate(panels.flat):
            if place < len(results.variants):
                _reliability(panel, results, results.variants[place])
            else:
                panel.set_axis_off()
        for place in range(
            len(results.variants) - columns, len(results.variants)
        ):  # the last panel of each column, which may stand above an empty one
            panels.flat[place].tick_params(labelbottom=True)
        figure.supxlabel("confidence", fontsize=9, color="#374151")
        figure.supylabel("share right", fontsize=9, color="#374151")
        lines = [
            Line2D([], [], color=color, marker="o", markersize=4, markerfacecolor=face, linewidth=1)
            for color, face in (BEFORE, AFTER)
        ]
        figure.legend(
            lines, ["before temperature", "after"], loc="outside upper center", ncols=2, frameon=False, fontsize=9
        )
        return _svg(figure)


def _figure(size: tuple[float, float]) -> Figure:
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _svg(figure: Figure) -> bytes:
    drawn = io.BytesIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    return drawn.getvalue()


def _percent(result: VariantResults) -> float:
    return 100 * result.card.accuracy.value


def _frame(axes: Axes, variants: Sequence[VariantResults]) -> None:
    times = [result.mean_ms for result in variants]
    low, high = (
        min(result.card.accuracy.low for result in variants),
        max(result.card.accuracy.high for result in variants),
    )
    room = max(8 * (high - low), 0.2)
    axes.set_xscale("log")
    axes.set_xlim(min(times) / 1.9, max(times) * 1.9)
    axes.set_ylim(100 * low - room, 100 * high + room)
    axes.xaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0), numticks=20))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(MaxNLocator(7))


def _lowest_allowed(results: BuildResults) -> float | None:
    """Return the accuracy that lies the margin below the teacher's; nothing where no variant is judged."""
    gate = results.judged[0].card.gate if results.judged else None
    return None if gate is None else _percent(results.teacher) - 100 * gate.margin


def _legend(figure: Figure, results: BuildResults, *, narrow: bool) -> None:
    shown = [look for verdict, look in LOOKS.items() if any(result.verdict == verdict for result in results.variants)]
    handles = [
        Line2D([], [], color=color, marker=marker, linestyle="none", markeredgecolor="white", markersize=7.5)
        for color, marker, _ in shown
    ]
    names = [name for _, _, name in shown]
    handles.append(Line2D([], [], color="#9ca3af", linewidth=1.4))
    names.append("Pareto front")
    if (lowest := _lowest_allowed(results)) is not None:
        handles.append(Line2D([], [], color=GREY, linewidth=1, linestyle=DASHES))
        names.append(f"teacher − {_percent(results.teacher) - lowest:.3g}")
    figure.legend(
        handles,
        names,
        loc="outside upper center",
        ncols=3 if narrow else 6,
        frameon=False,
        fontsize=9,
        handletextpad=0.5,
        columnspacing=1.4,
    )


def _name_points(figure: Figure, axes: Axes, results: BuildResults, front: Sequence[VariantResults]) -> None:
    """Write each name where it covers no other name, point or line, or as little of them as can be, and near its
    point.
    """
    inside, point = axes.get_window_extent(), figure.dpi / 72  # pixels
    taken = [*_obstacles(axes, results, front)]
    for result in results.variants:
        at = result.mean_ms, _percent(result)
        look: dict[str, Any] = {"fontsize": 9, "color": LOOKS[result.verdict][0], "zorder": 5}
        probe = axes.text(*at, result.name, **look)
        size = probe.get_window_extent().size
        probe.remove()
        x, y = axes.transData.transform(at)
        best, least, covers = (AROUND[0], DISTANCES[0]), float("inf"), Bbox.unit()
        for distance in DISTANCES:
            for across, up in AROUND:
                left = x + across * distance * point - (1 - across) / 2 * size[0]
                bottom = y + up * distance * point - (1 - up) / 2 * size[1]
                text = Bbox.from_bounds(left, bottom, *size)
                box = text.padded(1.5)
                outside = box.width * box.height - _shared(box, inside)
                cost = sum(weight * _shared(box, other) for other, weight in taken) + 4 * outside + distance
                if cost < least:
                    best, least, covers = ((across, up), distance), cost, text
            if least <= distance:  # it covers nothing, and others are farther off
                break
        (across, up), distance = best
        axes.annotate(
            result.name,
            at,
            xytext=(across * distance, up * distance),
            textcoords="offset points",
            ha={1: "left", 0: "center", -1: "right"}[across],
            va={1: "bottom", 0: "center", -1: "top"}[up],
            arrowprops={"arrowstyle": "-", "color": "#9ca3af", "linewidth": 0.7, "shrinkB": 4}
            if distance > DISTANCES[0]
            else None,
            **look,
        )
        taken.append((covers.padded(2), NAME_WEIGHT))


def _obstacles(axes: Axes, results: BuildResults, front: Sequence[VariantResults]) -> Iterator[tuple[Bbox, float]]:
    """Yield the points and the lines, with how much harm a name does that covers them."""
    for result in results.variants:
        x, y = axes.transData.transform((result.mean_ms, _percent(result)))
        yield Bbox.from_extents(x - 6, y - 6, x + 6, y + 6), NAME_WEIGHT
        low, high = (
            axes.transData.transform((result.mean_ms, 100 * end))[1]
            for end in (result.card.accuracy.low, result.card.accuracy.high)
        )
        yield Bbox.from_extents(x - 2, low, x + 2, high), LINE_WEIGHT
    if (lowest := _lowest_allowed(results)) is not None:
        inside, (_, y) = axes.get_window_extent(), axes.transData.transform((1, lowest))
        yield Bbox.from_extents(inside.x0, y - 1.5, inside.x1, y + 1.5), LINE_WEIGHT
    for left, right in pairwise(front):
        (x0, y0), (x1, y1) = (axes.transData.transform((one.mean_ms, _percent(one))) for one in (left, right))
        yield Bbox.from_extents(x0, y0 - 1.5, x1, y0 + 1.5), LINE_WEIGHT
        yield Bbox.from_extents(x1 - 1.5, y0, x1 + 1.5, y1), LINE_WEIGHT


def _shared(one: Bbox, other: Bbox) -> float:
    shared = Bbox.intersection(one, other)
    return 0.0 if shared is None else float(shared.width * shared.height)


def _reliability(panel: Axes, results: BuildResults, result: VariantResults) -> None:
    correct = result.predictions.labels == results.gold
    panel.plot([0, 1], [0, 1], color="#9ca3af", linewidth=0.8, linestyle=(0, (3, 3)), zorder=1)
    for order, (confidence, look) in enumerate(
        [(result.predictions.uncalibrated, BEFORE), (result.predictions.confidence, AFTER)], 2
    ):
        _bins(panel, reliability(np.array(confidence), correct), look, order)
    panel.set_xlim(-0.03, 1.03)
    panel.set_ylim(-0.03, 1.03)
    panel.set_aspect("equal")
    panel.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    panel.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    panel.spines[["top", "right"]].set_visible(False)
    error = result.card.calibration_error
    panel.set_title(result.name, fontsize=9, color="#111827", loc="left")
    panel.text(
        0.04,
        0.97,
        f"ECE {100 * error['before']:.1f} → {100 * error['after']:.1f}",
        transform=panel.transAxes,
        va="top",
        fontsize=8,
        color="#374151",
    )


def _bins(panel: Axes, bins: list[dict[str, float]], look: tuple[str, str], order: int) -> None:
    color, face = look
    x: Floats = np.array([entry["confidence"] for entry in bins])
    y: Floats = np.array([entry["accuracy"] for entry in bins])
    sizes = [6 + 60 * entry["share"] for entry in bins]  # points²: a bin of few rows must not shout
    panel.plot(x, y, color=color, linewidth=1, zorder=order)
    panel.scatter(x, y, s=sizes, facecolor=face, edgecolor=color, linewidth=1, zorder=order)
