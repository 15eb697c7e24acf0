"""What the classics found of magnitude pruning (Han et al. 2015), each as a paired difference with its interval."""

from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from models.figures.rows import unpacked
from models.prove.statistics import tango
from models.runtime.errors import BonsaiError

Cell = dict[str, Any]
Floats = npt.NDArray[np.float64]
ASKED = (  # what is said, and of which curves: the first's accuracy less the second's
    ("without retraining, L2 less the teacher", "l2", "teacher"),
    ("without retraining, L1 less the teacher", "l1", "teacher"),
    ("step by step less the teacher", "l2, step by step", "teacher"),
    ("step by step less at once", "l2, step by step", "l2, retrained"),
    ("step by step less at once with as many epochs", "l2, step by step", "l2, at once, as long"),
    ("L1 less L2 without retraining", "l1", "l2"),
    ("L2 less L1 after retraining", "l2, retrained", "l1, retrained"),
)
QUANTILE = 1.96


def claims(content: Cell) -> list[Cell]:
    """Return the differences of two curves at every share that both have, in points, with 95 % intervals over the test
    rows; a row counts by its mean over the seeds that both have.
    """
    rows = content["conditions"]["dataset"]["rows"]["test"]
    right: dict[tuple[str, float], dict[int, Floats]] = {}
    for cell in content["cells"]:
        by_seed = right.setdefault((cell["curve"], cell["share"]), {})
        by_seed[cell["seed"]] = unpacked(cell["right"], rows).astype(np.float64)
    shares = sorted({share for _, share in right if share})
    found = []
    for says, first, second in ASKED:
        for share in shares:
            mine, other = right.get((first, share)), right.get((second, 0.0 if second == "teacher" else share))
            if mine and other and (difference := _difference(mine, other, always=second == "teacher")):
                found.append(
                    {
                        "says": f"{says}, {100 * share:.0f} % removed",
                        "first": first,
                        "second": second,
                        "share": share,
                        **difference,
                    }
                )
    return found


def _difference(mine: dict[int, Floats], other: dict[int, Floats], *, always: bool) -> Cell | None:
    """Return the mean difference with its interval; `always` compares with seed 0, as there is one teacher."""
    seeds = sorted(mine) if always else sorted(mine.keys() & other.keys())
    if not seeds:
        return None
    first = np.mean([mine[seed] for seed in seeds], axis=0)
    second = np.mean([other[0 if always else seed] for seed in seeds], axis=0)
    return {**paired(first, second), "seeds": len(seeds)}


def paired(first: Floats, second: Floats) -> Cell:
    """Return by how many points the first is right more often on the same rows, with its 95 % interval: Tango's where a
    row is right or wrong, as of one seed, for Wald's has no width where no row differs.
    """
    by_row = first - second
    mean = float(by_row.mean())
    if np.isin(by_row, (-1.0, 0.0, 1.0)).all():
        low, high = tango(int((by_row > 0).sum()), int((by_row < 0).sum()), len(by_row), 0.05)
    else:
        error = float(by_row.std(ddof=1)) / sqrt(len(by_row))
        low, high = mean - QUANTILE * error, mean + QUANTILE * error
    return {"difference": 100 * mean, "low": 100 * low, "high": 100 * high}


def markdown(content: Cell) -> str:
    """Return the claims of a result as a table: a row a comparison, a column a share removed (BonsaiError where it
    compares no two curves).
    """
    if not content["claims"]:
        raise BonsaiError("the result compares no two curves; expected one of more curves, with --curves")
    shares = sorted({claim["share"] for claim in content["claims"]})
    compared: dict[str, dict[float, str]] = {}
    for claim in content["claims"]:
        said = f"{claim['difference']:+.1f} [{claim['low']:+.1f}, {claim['high']:+.1f}]"
        compared.setdefault(claim["says"].rpartition(",")[0], {})[claim["share"]] = said
    heads = ["points [95 %] at a share removed of", *(f"{100 * share:.0f} %" for share in shares)]
    lines = [f"| {' | '.join(heads)} |", f"| --- |{' ---: |' * len(shares)}"]
    for what, by_share in compared.items():
        lines.append(f"| {' | '.join([what, *(by_share.get(share, '') for share in shares)])} |")
    about, seeds = content["conditions"]["dataset"], sorted({claim["seeds"] for claim in content["claims"]})
    counted = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"{seeds[0]}"
    rows = f"{about['rows']['test']:,} test rows, {counted} seed{'s' if seeds[-1] > 1 else ''}"
    return "\n".join(lines) + f"\n\n{about['name']}, {rows}. {content['cpu']}.\n"
