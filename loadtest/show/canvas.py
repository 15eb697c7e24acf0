"""What all pictures have in common: size, colours, a grid, a logarithmic axis of milliseconds, and the notes below."""

import io

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from loadtest.figures.comparison import Comparison

COLORS = ("#1b6ca8", "#d1495b", "#2a9d5c", "#e08e1b", "#7b4fa3", "#3aa6b9", "#8a6d3b", "#6c757d")


def canvas(title: str, across: str, up: str) -> tuple[Figure, Axes]:
    """Return an empty picture with its titles."""
    figure = Figure(figsize=(9, 5.6), dpi=130, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold")
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(True, which="major", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def plain_numbers(axis: Axis) -> None:
    """Label a logarithmic axis 1, 2, 5, 10 and so on, or more densely where it is short."""
    low, high = axis.get_view_interval()
    subs = (1.0, 2.0, 5.0) if high / max(low, 1e-9) > 8 else (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
    axis.set_major_locator(LogLocator(base=10, subs=subs, numticks=20))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def say_empty(axes: Axes, why: str) -> None:
    """Say why nothing is drawn."""
    axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center", fontsize=12)


def png(figure: Figure, comparison: Comparison, notes: list[str]) -> bytes:
    """Write what the reader must know below the picture and return its bytes."""
    wrong = comparison.warnings + (
        ["Read the report's cautions about generator and machine first."] if comparison.cautions else []
    )
    figure.supxlabel(" ".join([*wrong, *notes]), fontsize=8, color="#b00020" if wrong else "#555555", wrap=True)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()
