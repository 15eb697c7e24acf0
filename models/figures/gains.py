"""What soft labels gained: the stored cells of the dark-knowledge experiment turned into means, intervals and a table
(no torch).

A cell is one student: which test rows it has right, as bits in hexadecimal, so that every interval can be made again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit  # quantiles; scipy.stats takes a second to import

from models.bench.comparison import Table, as_markdown
from models.figures.arms import HARD, arm_of
from models.figures.rows import unpacked
from models.prove.statistics import wilson
from models.runtime.errors import BonsaiError

KIND = "dark_knowledge"
COMMAND = f"python -m models.figures {KIND}"
LEVEL = 0.95
FEWEST = 3  # seeds on which chance is ruled out, as in the load test: t with one degree of freedom rests on two draws
Rights = npt.NDArray[np.float64]  # (seeds, test rows), 1 where a student is right


@dataclass(frozen=True)
class Interval:
    """A mean with the ends of its 95 % interval, all in percentage points."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Gain:
    """How far one kind of students is ahead of another that differs in its labels alone: over the seeds, where another
    draw of rows, head and order counts, and over the test rows, where other rows to be asked count.
    """

    seeds: Interval
    rows: Interval
    count: int  # of the seeds

    @property
    def beyond_chance(self) -> bool:
        """Whether neither the seeds, of which there are enough, nor the test rows explain it."""
        return self.count >= FEWEST and self.seeds.excludes_zero and self.rows.excludes_zero


class Gains:
    """One stored experiment, by share of the training rows, arm and seed."""

    def __init__(self, result: dict[str, Any]) -> None:
        self.result, self._rows = result, int(result["conditions"]["dataset"]["rows"]["test"])

    @property
    def shares(self) -> list[str]:
        """The shares of the training rows, the smallest first."""
        return sorted(self.result["cells"], key=float)

    def arms(self, share: str) -> list[str]:
        """Return the arms that at least two seeds are stored of: fewer have no interval."""
        return sorted((arm for arm, seeds in self.result["cells"][share].items() if len(seeds) > 1), key=arm_of)

    def rights(self, share: str, arm: str) -> Rights:
        """Return which test rows each seed's student has right."""
        return np.stack([unpack(bits, self._rows) for _, bits in sorted(self.result["cells"][share][arm].items())])

    def accuracy(self, share: str, arm: str) -> Interval:
        """Return the mean accuracy over the seeds."""
        return _over(100 * self.rights(share, arm).mean(axis=1))

    def gain(self, share: str, arm: str, over: str = HARD) -> Gain:
        """Return how far an arm is ahead of another, on the seeds that both have."""
        cells = self.result["cells"][share]
        both = sorted(cells[arm].keys() & cells[over].keys())
        ahead = np.stack(
            [unpack(cells[arm][seed], self._rows) - unpack(cells[over][seed], self._rows) for seed in both]
        )
        return Gain(_over(100 * ahead.mean(axis=1)), _over(100 * ahead.mean(axis=0)), len(both))


def read_gains(file: Path) -> Gains:
    """Read a stored experiment (BonsaiError)."""
    try:
        result = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BonsaiError(f"no result at '{file}' ({error.strerror}); '{COMMAND} --out {file}' makes one") from error
    except ValueError as error:
        raise BonsaiError(f"'{file}' is not JSON ({error}); expected what '{COMMAND}' wrote") from error
    if not isinstance(result, dict) or result.get("experiment") != KIND:
        raise BonsaiError(f"'{file}' is no result of this kind; expected what '{COMMAND}' wrote")
    return Gains(result)


def pack(right: Sequence[bool]) -> str:
    """Write which rows are right as bits in hexadecimal, the first row first."""
    return np.packbits(np.array(right, dtype=bool)).tobytes().hex()


def unpack(bits: str, rows: int) -> npt.NDArray[np.float64]:
    """Read what `pack` wrote (BonsaiError where it is of more or fewer rows)."""
    return unpacked(bits, rows).astype(np.float64)


def table(gains: Gains) -> Table:
    """Return a row for every share and arm, each arm beside the students of hard labels of the same share."""
    heads = [
        "training rows",
        "learns from",
        "accuracy [seeds]",
        "gain over hard labels [seeds]",
        "[test rows]",
        "seeds",
    ]
    rows = []
    for share in gains.shares:
        for arm in gains.arms(share):
            start = [f"{gains.result['conditions']['train_rows'][share]:,}", arm, _interval(gains.accuracy(share, arm))]
            seeds = f"{len(gains.rights(share, arm))}"
            if arm == HARD:
                rows.append([*start, "–", "–", seeds])
            else:
                gain = gains.gain(share, arm)
                mark = " *" if gain.beyond_chance else ""
                rows.append([*start, _interval(gain.seeds, sign=True) + mark, _ends(gain.rows), seeds])
    return Table(heads, rows)


def notes(gains: Gains) -> list[str]:
    """Return the conditions in sentences."""
    of, result = gains.result["conditions"], gains.result
    data, student = of["dataset"], of["student"]
    teachers = [float(unpack(bits, data["rows"]["test"]).mean()) for bits in result["teachers"]]
    mean = wilson(int(unpack(result["ensemble"], data["rows"]["test"]).sum()), data["rows"]["test"])
    return [
        f"{data['name']}, {data['rows']['test']:,} test rows (SHA-256 {data['sha256'][:12]}), {data['labels']} labels. "
        f"The teachers, which saw all {data['rows']['train']:,} training rows, have "
        f"{', '.join(f'{100 * one:.2f}' for one in teachers)} % of them right, the mean of their logits "
        f"{100 * mean.value:.2f} [{100 * mean.low:.1f}, {100 * mean.high:.1f}].",
        f"Students have layer{'s' if len(student['layers']) > 1 else ''} "
        f"{' and '.join(str(layer + 1) for layer in student['layers'])} of the checkpoint, not of a teacher, and learn "
        "from hard labels alone, where the validation accuracy chooses the epoch, or from soft labels alone, where the "
        "validation loss does. Seeds draw the rows of a share, the head and the order; "
        "intervals are 95 %, of each difference for itself.",
        f"An asterisk, of {FEWEST} seeds at least: neither the seeds nor the test rows explain the gain.",
        *_several(gains),
        f"{of['machine']['cpu']}, torch {of['libraries']['torch']}, {of['started'][:10]}.",
    ]


def _several(gains: Gains) -> list[str]:
    """Say how far students of several teachers are ahead of one teacher's, wherever both are stored."""
    found = []
    for share in gains.shares:
        known = [arm_of(name) for name in gains.arms(share)]
        for arm in known:
            one = replace(arm, teachers=1)
            if arm.teachers > 1 and one in known:
                ahead = gains.gain(share, arm.name, one.name)
                found.append(
                    f"{gains.result['conditions']['train_rows'][share]:,} rows, T = {arm.temperature:g}: students of "
                    f"{arm.teachers} teachers over one teacher's {_interval(ahead.seeds, sign=True)} by seeds, "
                    f"{_ends(ahead.rows)} by test rows."
                )
    return found


def markdown(gains: Gains) -> str:
    """Return the table with its conditions."""
    return f"{as_markdown(table(gains))}\n\n{' '.join(notes(gains))}\n"


def _over(values: npt.NDArray[np.float64]) -> Interval:
    """Return the mean of some values with its t interval; of many values that is the normal one."""
    mean, count = float(values.mean()), len(values)
    quantile = ndtri(0.5 + LEVEL / 2) if count > 100 else stdtrit(count - 1, 0.5 + LEVEL / 2)
    reach = float(quantile * values.std(ddof=1) / count**0.5)
    return Interval(mean, mean - reach, mean + reach)


def _interval(one: Interval, *, sign: bool = False) -> str:
    return f"{one.value:{'+' if sign else ''}.2f} {_ends(one)}"


def _ends(one: Interval) -> str:
    return f"[{one.low:.2f}, {one.high:.2f}]"
