"""The picture: tail latency against accuracy, and how much space each variant takes."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from loadtest.figures.comparison import Comparison
from loadtest.numbers.text import megabytes
from loadtest.scenarios.summary import Summary
from loadtest.show.canvas import COLORS, canvas, plain_numbers, png, say_empty

PERCENTILE = 95.0
LARGEST_BUBBLE = 2200.0  # points², for the largest model
AROUND = (  # where a label may stand, seen from its bubble, and how it is aligned there
    (1, 0, "left", "center"),
    (-1, 0, "right", "center"),
    (0, 1, "center", "bottom"),
    (0, -1, "center", "top"),
    (0.7, 0.7, "left", "bottom"),
    (-0.7, -0.7, "right", "top"),
    (0.7, -0.7, "left", "top"),
    (-0.7, 0.7, "right", "bottom"),
)


def latency_against_accuracy(comparison: Comparison) -> bytes:
    """Draw p95 latency against accuracy as a PNG; a bubble's area is the model file's size."""
    rows = comparison.rows()
    drawn = [(row, row.times[PERCENTILE]) for row in rows]
    points = [(row, time) for row, time in drawn if time is not None]
    figure, axes = canvas(
        "Accuracy against p95 latency, one request after another",
        "p95 response time in ms, seen by the client (log scale; left is faster)",
        "accuracy on the test split in % (line: 95 % interval)",
    )
    if points:
        _bubbles(axes, points)
        figure.draw_without_rendering()  # settles the layout, which the labels' places depend on
        _labels(axes, points)
    else:
        say_empty(axes, "no variant has enough answers for a p95")
    left_out = [f"{row.name} is left out: too few answers for a p95." for row, time in drawn if time is None]
    return png(figure, comparison, ["Bubble area: size of the model file.", *left_out])


def _bubbles(axes: Axes, points: list[tuple[Summary, float]]) -> None:
    largest = _largest(points)
    for place, (row, time) in enumerate(points):
        color = COLORS[place % len(COLORS)]
        axes.plot(
            [time, time],
            [100 * row.accuracy_low, 100 * row.accuracy_high],
            color=color,
            linewidth=1,
            alpha=0.5,
            zorder=2,
        )
        axes.scatter(
            [time],
            [100 * row.accuracy],
            s=LARGEST_BUBBLE * row.bytes / largest,
            color=color,
            alpha=0.55,
            edgecolors=color,
            linewidths=1.2,
            zorder=3,
        )
        axes.scatter([time], [100 * row.accuracy], s=6, color=color, zorder=4)
    axes.set_xscale("log")
    times = [time for _, time in points]
    axes.set_xlim(min(times) / 1.8, max(times) * 1.8)
    low, high = min(row.accuracy_low for row, _ in points), max(row.accuracy_high for row, _ in points)
    margin = max(0.12 * 100 * (high - low), 0.3)
    axes.set_ylim(100 * low - margin, min(100 * high + margin, 101))
    plain_numbers(axes.xaxis)


def _largest(points: list[tuple[Summary, float]]) -> int:
    """Return the size of the largest model, which all others are drawn against; a result may say 0 of all of them."""
    return max(1, *(row.bytes for row, _ in points))


def _labels(axes: Axes, points: list[tuple[Summary, float]]) -> None:
    """Write each name where it covers no other name, bubble or line, or as little of them as can be."""
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    inside = axes.get_window_extent()
    largest = _largest(points)
    radii = [(LARGEST_BUBBLE * row.bytes / largest / 3.14159) ** 0.5 * figure.dpi / 72 for row, _ in points]
    centres = [axes.transData.transform((time, 100 * row.accuracy)) for row, time in points]
    taken = [
        Bbox.from_extents(x - radius, y - radius, x + radius, y + radius)
        for (x, y), radius in zip(centres, radii, strict=True)
    ]
    ends = [
        axes.transData.transform([(time, 100 * row.accuracy_low), (time, 100 * row.accuracy_high)])
        for row, time in points
    ]
    taken += [Bbox.from_extents(low[0] - 2, low[1], high[0] + 2, high[1]) for low, high in ends]
    for place, (row, time) in enumerate(points):
        reach = radii[place] * 72 / figure.dpi
        best, least = None, float("inf")
        for spread in (4.0, 16.0, 30.0, 46.0):
            for across, up, side, base in AROUND:
                label = axes.annotate(
                    f"{row.name}\n{megabytes(row.bytes)}",
                    (time, 100 * row.accuracy),
                    xytext=(across * (reach + spread), up * (reach + spread)),
                    textcoords="offset points",
                    ha=side,
                    va=base,
                    fontsize=9,
                    color=COLORS[place % len(COLORS)],
                    fontweight="bold",
                    arrowprops={"arrowstyle": "-", "color": "#999999", "linewidth": 0.7} if spread > 4 else None,
                    zorder=5,
                )
                box = label.get_window_extent()
                others = [other for number, other in enumerate(taken) if number not in (place, place + len(points))]
                covered = sum(_shared_area(box, other) for other in others) + 3 * _outside(box, inside)
                if covered < least:
                    if best is not None:
                        best.remove()
                    best, least = label, covered
                else:
                    label.remove()
            if least == 0:
                break
        assert best is not None
        taken.append(best.get_window_extent())


def _shared_area(one: Bbox, other: Bbox) -> float:
    shared = Bbox.intersection(one, other)
    return 0.0 if shared is None else shared.width * shared.height


def _outside(box: Bbox, frame: Bbox) -> float:
    return box.width * box.height - _shared_area(box, frame)
