"""How the figures' pictures look, and how they become PNG files whose bytes depend on what they show alone."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from models.report.pictures import STYLE

DPI = 130


@contextmanager
def figure(width: float, height: float) -> Iterator[Figure]:
    """Open a figure of so many inches in the report's style."""
    with mpl.rc_context(STYLE):
        drawn = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(drawn)
        yield drawn


def png(drawn: Figure) -> bytes:
    """Return a figure as PNG."""
    out = io.BytesIO()
    drawn.savefig(out, format="png", dpi=DPI, metadata={"Software": None})
    return out.getvalue()
