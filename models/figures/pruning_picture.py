"""Draw the pruning experiment: accuracy against the share removed, and the weights before, pruned and retrained."""

from pathlib import Path
from typing import Annotated, Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator, ScalarFormatter
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from models.runtime.errors import BonsaiError

Cell = dict[str, Any]
LOOKS = {  # color, marker, dashes and words
    "l1": ("#b45309", "o", ":", "L1, at once, not retrained"),
    "l2": ("#1d4ed8", "o", ":", "L2, at once, not retrained"),
    "l1, retrained": ("#b45309", "s", "--", "L1, at once, retrained"),
    "l2, retrained": ("#1d4ed8", "s", "--", "L2, at once, retrained"),
    "l2, at once, as long": ("#6b7280", "D", "", "L2, at once, as many epochs as step by step"),
    "l2, step by step": ("#15803d", "^", "-", "L2, step by step, retrained each time"),
}
STAGES = {"before": "before", "pruned": "pruned", "retrained": "retrained"}
STYLE: dict[Any, Any] = {"font.family": "DejaVu Sans", "font.size": 9.0, "axes.edgecolor": "#9ca3af"}


class _Counted(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    zeros: Annotated[int, Field(ge=0)]
    counts: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]


class _Histograms(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    share: float
    least: float = Field(alias="from")
    most: float = Field(alias="to")
    before: _Counted
    pruned: _Counted
    retrained: _Counted


def check_histograms(content: Cell, file: Path) -> None:
    """Refuse stored histograms that cannot be drawn (BonsaiError)."""
    try:
        TypeAdapter(_Histograms | None).validate_python(content.get("histograms"))
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"][1:])
        raise BonsaiError(
            f"'{file}': its histograms are damaged ({place or 'all'}); choose another file with --out"
        ) from error


def draw(content: Cell, file: Path) -> None:
    """Write the picture of a result."""
    with mpl.rc_context(STYLE):
        figure = Figure((11.0, 5.4), layout="constrained")
        FigureCanvasAgg(figure)
        grid = figure.add_gridspec(3, 2, width_ratios=(1.6, 1.0))
        _curves(figure.add_subplot(grid[:, 0]), content)
        if histograms := content.get("histograms"):
            _histograms([figure.add_subplot(grid[row, 1]) for row in range(3)], histograms)
        figure.savefig(file, dpi=130)


def _curves(axes: Axes, content: Cell) -> None:
    data, cells = content["conditions"]["dataset"], content["cells"]
    teacher = next(cell["accuracy"] for cell in cells if cell["curve"] == "teacher")
    for curve, (color, marker, dashes, words) in LOOKS.items():
        shares = sorted({cell["share"] for cell in cells if cell["curve"] == curve})
        if not shares:
            continue
        of = [
            [100 * (cell["accuracy"] - teacher) for cell in cells if (cell["curve"], cell["share"]) == (curve, share)]
            for share in shares
        ]
        means, places = [float(np.mean(some)) for some in of], [100 * share for share in shares]
        axes.plot(places, means, color=color, marker=marker, linestyle=dashes or "none", markersize=5, label=words)
        axes.vlines(places, [min(some) for some in of], [max(some) for some in of], color=color, linewidth=1.2)
    axes.axhline(0, color="#374151", linewidth=1)
    axes.set_yscale("symlog", linthresh=5, linscale=1.2)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+.0f}" if value else "teacher"))
    axes.set_yticks([-80, -40, -20, -10, -5, -4, -3, -2, -1, 0, 1, 2])
    axes.yaxis.set_minor_locator(NullLocator())
    best = max(100 * (cell["accuracy"] - teacher) for cell in cells)
    axes.set_ylim(-90, max(1.2, best + 0.4))
    axes.grid(True, color="#e5e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("share of the encoder's linear weights removed in %")
    axes.set_ylabel("points of accuracy against the teacher")
    seeds = len({cell["seed"] for cell in cells})
    about = f"{data['name']}, {data['rows']['test']:,} test rows, teacher {100 * teacher:.2f} %"
    axes.set_title(f"{about}, {seeds} seed{'s' if seeds > 1 else ''}", loc="left", fontsize=9)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(-0.02, -0.12), ncols=2)


def _histograms(rows: list[Axes], content: Cell) -> None:
    edges = np.linspace(content["from"], content["to"], len(content["before"]["counts"]) + 1)
    for axes, (stage, words) in zip(rows, STAGES.items(), strict=True):
        counts, zeros = np.array(content[stage]["counts"]), content[stage]["zeros"]
        axes.stairs(counts / 1000, edges, fill=True, color="#1d4ed8")
        share = zeros / (zeros + counts.sum())
        axes.set_title(
            f"{words}{f': {100 * share:.0f} % are zero, not drawn' if zeros else ': all weights'}",
            loc="left",
            fontsize=9,
        )
        axes.spines[["top", "right"]].set_visible(False)
        axes.yaxis.set_major_formatter(ScalarFormatter())
        axes.set_ylabel("thousands")
        if axes is not rows[-1]:
            axes.set_xticklabels([])
    rows[-1].set_xlabel("weight")
