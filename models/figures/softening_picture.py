"""The picture of one text's soft labels: a row of panels for each that was asked, a column a temperature."""

from collections.abc import Sequence
from textwrap import shorten

import matplotlib as mpl
from matplotlib.axes import Axes

from models.figures.drawing import figure, png
from models.figures.softened import Answers
from models.report.pictures import GREY, PALE
from models.runtime.classifier import Logits

RIGHT, OTHER = "#15803d", "#93c5fd"
LONGEST = 90  # characters of the text in the title


def draw_softening(answers: Answers, shown: Sequence[int], temperatures: Sequence[float]) -> bytes:
    """Draw the probabilities of the labels shown, as bars of which the hard label's has its own color."""
    rows = list(answers.logits)
    height = 0.62 + 0.19 * len(shown)
    with mpl.rc_context({"text.parse_math": False}), figure(10.0, 0.8 + height * (len(rows) + 1)) as drawn:
        panels = drawn.subplots(len(rows) + 1, len(temperatures), sharex=True, sharey=True, squeeze=False)
        hard = answers.soft(rows[0], 1.0) * 0
        hard[answers.hard] = 1
        for across, temperature in enumerate(temperatures):
            _bars(panels[0][across], hard, answers, shown)
            panels[0][across].set_title(f"T = {temperature:g}", fontsize=9, color="#111827")
            for down, name in enumerate(rows, 1):
                _bars(panels[down][across], answers.soft(name, temperature), answers, shown)
        for down, name in enumerate(["hard label", *rows]):
            panels[down][-1].annotate(
                name, (1.05, 0.5), xycoords="axes fraction", rotation=-90, va="center", fontsize=9, color="#111827"
            )
        drawn.suptitle(f"“{shorten(answers.text, LONGEST, placeholder=' …')}”", fontsize=10, color="#111827")
        drawn.supxlabel("probability", fontsize=9, color="#374151")
        return png(drawn)


def _bars(panel: Axes, shares: Logits, answers: Answers, shown: Sequence[int]) -> None:
    places = range(len(shown))
    values = [float(shares[label]) for label in shown]
    panel.barh(places, values, color=[RIGHT if label == answers.hard else OTHER for label in shown], height=0.7)
    for place, value in zip(places, values, strict=True):
        if value >= 0.0005:
            inside = value > 0.75
            panel.text(
                value - 0.02 if inside else value + 0.02,
                place,
                "1" if value == 1 else f"{value:.3f}",
                ha="right" if inside else "left",
                va="center",
                fontsize=7,
                color="white" if inside else GREY,
            )
    panel.set_yticks(list(places), [answers.labels[label] for label in shown], fontsize=8)
    panel.set_ylim(len(shown) - 0.4, -0.6)
    panel.set_xlim(0, 1)
    panel.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    panel.grid(True, axis="x", color=PALE, linewidth=0.8)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
