"""The picture of the dark-knowledge experiment: accuracy by temperature, a panel a share of the training rows."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from models.figures.arms import HARD, Arm, arm_of
from models.figures.drawing import figure, png
from models.figures.gains import Gains, unpack
from models.report.pictures import GREY, PALE

LOOKS = (("#1d4ed8", "o"), ("#b45309", "D"))  # one teacher's students, several teachers'
SHIFT = 1.025  # on the logarithmic axis: points of one temperature stand beside each other


def draw_gains(gains: Gains) -> bytes:
    """Draw the students of soft labels over their temperature, beside those of hard labels and the teachers."""
    with figure(9.2, 4.2) as drawn:
        panels = drawn.subplots(1, len(gains.shares), squeeze=False)[0]
        for panel, share in zip(panels, gains.shares, strict=True):
            _panel(panel, gains, share)
        panels[0].set_ylabel("accuracy in % (bar: 95 % interval over seeds)")
        handles, names = panels[0].get_legend_handles_labels()
        drawn.legend(handles, names, loc="outside upper center", ncols=5, frameon=False, fontsize=9)
        return png(drawn)


def _panel(panel: Axes, gains: Gains, share: str) -> None:
    soft = [arm for teachers in (1, len(gains.result["teachers"])) for arm in [_line(gains, share, teachers)] if arm]
    hard = gains.accuracy(share, HARD)
    panel.axhspan(hard.low, hard.high, color=PALE, zorder=1, linewidth=0)
    panel.axhline(hard.value, color=GREY, zorder=2, label=HARD)
    for place, (line, (color, marker)) in enumerate(zip(soft, LOOKS, strict=False)):
        found = [gains.accuracy(share, arm.name) for arm in line]
        values = np.array([one.value for one in found])
        reach = np.array([(one.value - one.low, one.high - one.value) for one in found]).T
        x = np.array([arm.temperature * SHIFT ** (2 * place - 1) for arm in line])
        name = "soft labels of one teacher" if line[0].teachers == 1 else f"of {line[0].teachers} teachers"
        panel.errorbar(
            x, values, reach, color=color, marker=marker, markersize=5, capsize=2, label=name, zorder=3 + place
        )
    rows = gains.result["conditions"]["dataset"]["rows"]["test"]
    for bits, name, dashes in (
        (gains.result["teachers"][0], "the teacher", (0, (4, 3))),
        (gains.result["ensemble"], f"{len(gains.result['teachers'])} teachers' mean", (0, (1, 2))),
    ):
        panel.axhline(100 * unpack(bits, rows).mean(), color="#374151", linestyle=dashes, linewidth=1.2, label=name)
    temperatures = [arm.temperature for line in soft for arm in line] or [1.0]
    panel.set_xscale("log", base=2)
    panel.set_xlim(min(temperatures) / 1.4, max(temperatures) * 1.4)
    panel.xaxis.set_major_locator(FixedLocator(sorted(set(temperatures))))
    panel.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_xlabel("temperature of the soft labels")
    panel.grid(True, axis="y", color=PALE, linewidth=0.8)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
    count, every = (
        gains.result["conditions"]["train_rows"][share],
        gains.result["conditions"]["dataset"]["rows"]["train"],
    )
    panel.set_title(f"{count:,} of {every:,} training rows", fontsize=9, color="#111827", loc="left")


def _line(gains: Gains, share: str, teachers: int) -> list[Arm]:
    """Return the arms of so many teachers, by temperature."""
    return [arm for name in gains.arms(share) if (arm := arm_of(name)).teachers == teachers]
