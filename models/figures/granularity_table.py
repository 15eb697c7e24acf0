"""The table of the granularity experiment, from its stored result."""

import numpy as np

from models.bench.factor import Factor, factor
from models.figures.cells import Cell
from models.figures.claims import paired
from models.figures.rows import unpacked

TEACHER = "teacher"
GRANULARITIES = ("weight", "4x4 block", "neuron", "head", "layer")


def markdown(content: Cell) -> str:
    """Return the table of a result: one row a granularity and share."""
    rows, cells = content["conditions"]["dataset"]["rows"]["test"], content["cells"]
    teacher = next(cell for cell in cells if cell["granularity"] == TEACHER)
    heads = [
        "removed",
        "granularity",
        "accuracy",
        "against the teacher [95 %]",
        "speed, one text",
        "in batches",
        "MB",
        "MB compressed",
    ]
    lines = [f"| {' | '.join(heads)} |", f"| --- | --- |{' ---: |' * (len(heads) - 2)}"]
    for removed in sorted({cell["removed"] for cell in cells}):
        for granularity in (TEACHER, *GRANULARITIES) if not removed else GRANULARITIES:
            found = [cell for cell in cells if (cell["removed"], cell["granularity"]) == (removed, granularity)]
            if found:
                lines.append(_line(found[0], teacher, content["times"], rows))
            elif removed:
                cannot = f"{100 * removed:.1f} % | {granularity} | it holds fewer"
                lines.append(f"| {cannot} |{' |' * (len(heads) - 3)}")
    about, epochs = content["conditions"]["dataset"], content["conditions"]["training"]["epochs"]
    said = (
        f"{about['name']}, {rows:,} test rows; {epochs} epochs of retraining; {content['measured']['cpu']}, one thread."
    )
    return "\n".join(lines) + f"\n\n{said}\n"


def _line(cell: Cell, teacher: Cell, times: Cell, rows: int) -> str:
    mine, theirs = times[row_name(cell)], times[row_name(teacher)]
    drop = paired(*(unpacked(one["right"], rows).astype(np.float64) for one in (cell, teacher)))
    faster = [_factor(factor(theirs[figure], mine[figure])) for figure in ("p50_ms", "batch_ms_a_text")]
    shown = [
        f"{100 * cell['gone']:.1f} %",
        cell["granularity"],
        f"{100 * cell['accuracy']:.2f}",
        *(
            ["", "1", "1"]
            if cell is teacher
            else [f"{drop['difference']:+.2f} [{drop['low']:+.2f}, {drop['high']:+.2f}]", *faster]
        ),
        f"{cell['bytes'] / 1e6:.1f}",
        f"{cell['bytes_compressed'] / 1e6:.1f}",
    ]
    return f"| {' | '.join(shown)} |"


def _factor(found: Factor) -> str:
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"


def row_name(cell: Cell) -> str:
    """Return what a cell's times stand under."""
    return f"{cell['granularity']} {cell['removed']:g}"
