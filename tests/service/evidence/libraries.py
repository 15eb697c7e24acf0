"""Holds ville, savvi and sequential-analysis to the worlds of our simulations, in an environment that has them:

    python -m venv /tmp/libraries && /tmp/libraries/bin/pip install ville==0.1.0 savvi==0.3.1 \
        matplotlib sequential-analysis==0.4.0  # savvi imports matplotlib, which it does not name
    /tmp/libraries/bin/python -m tests.service.evidence.libraries service/results/published/libraries.json
"""

import json
import platform
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import savvi.multinomial
import ville
from sequential_analysis import procedures

from service.evidence.simulate.fixed import tango_labels, upper_bound

LABELS, SEED = 20_000, 0
Stop = Callable[[np.random.Generator, int], int]  # generator, labels → first look with a verdict, 0: none


def first(reached: np.ndarray) -> int:
    return int(reached.argmax()) + 1 if reached.any() else 0


def pairs(generator: np.random.Generator, labels: int, worse: float, better: float) -> np.ndarray:
    return generator.choice([1.0, -1.0, 0.0], p=[worse, better, 1 - worse - better], size=labels)


def arms(generator: np.random.Generator, labels: int, control: float, arm: float, weight: float):
    treated = generator.random(labels) >= weight
    return (generator.random(labels) < np.where(treated, arm, control)).astype(float), treated.astype(float)


def ville_paired(worse: float, better: float, margin: float | None = None) -> Stop:
    def stop(generator: np.random.Generator, labels: int) -> int:
        if margin is None:
            test = ville.BettingTest(0.0, bounds=(-1, 1), alternative="two-sided")
            enough = np.log(20)
        else:
            test = ville.BettingTest(margin, bounds=(-1, 1), alternative="less")
            enough = np.log(40)
        return first(np.log(test.update(pairs(generator, labels, worse, better)).e_values_) >= enough)

    return stop


def ville_split(control: float, arm: float, weight: float) -> Stop:
    def stop(generator: np.random.Generator, labels: int) -> int:
        test = ville.BettingABTest(bounds=(0, 1), propensity=1 - weight, grid=2000)
        return test.fit(*arms(generator, labels, control, arm, weight)).stopping_time() or 0

    return stop


def ville_share(share: float) -> Stop:
    def stop(generator: np.random.Generator, labels: int) -> int:
        test = ville.BernoulliTest(share)
        return first(test.update((generator.random(labels) < share).astype(float)).e_values_ >= 20)

    return stop


def ville_times(sigma: float, weight: float) -> Stop:
    def stop(generator: np.random.Generator, labels: int) -> int:
        treated = (generator.random(labels) >= weight).astype(float)
        took = np.exp(sigma * generator.standard_normal(labels))
        return ville.AsymptoticABTest(propensity=1 - weight).fit(took, treated).stopping_time() or 0

    return stop


def savvi_ratio(generator: np.random.Generator, labels: int) -> int:
    test = savvi.multinomial.Multinomial(0.05, np.array([0.5, 0.5]))
    units = np.eye(2, dtype=np.int64)[generator.integers(0, 2, labels)]
    for look, unit in enumerate(units, 1):
        test.update(unit)
        if test.odds >= 20:
            return look
    return 0


def stepped(procedure, inputs: dict[str, list]) -> int:
    state = procedure.initial_state()
    names = list(inputs)
    for look, values in enumerate(zip(*inputs.values(), strict=True), 1):
        state, output = procedure.step(state, dict(zip(names, values, strict=True)))
        if output.decision:
            return look
    return 0


def stepped_paired(worse: float, better: float, margin: float | None = None) -> Stop:
    def stop(generator: np.random.Generator, labels: int) -> int:
        alternative, alpha = ("two-sided", 0.05) if margin is None else ("less", 0.025)
        test = procedures.BettingMeanTest(margin or 0.0, -1.0, 1.0, alpha, alternative=alternative)
        return stepped(test, {"x": pairs(generator, labels, worse, better).tolist()})

    return stop


def stepped_split(control: float, arm: float, weight: float) -> Stop:
    def stop(generator: np.random.Generator, labels: int) -> int:
        right, treated = arms(generator, labels, control, arm, weight)
        test = procedures.BoundedABTest(allocation=1 - weight, grid=10)  # the test does not read the grid
        return stepped(test, {"arm": treated.astype(int).tolist(), "y": right.tolist()})

    return stop


def stepped_times(sigma: float, weight: float) -> Stop:
    def stop(generator: np.random.Generator, labels: int) -> int:
        treated = (generator.random(labels) >= weight).astype(int)
        took = np.exp(sigma * generator.standard_normal(labels))
        test = procedures.RatioABTest(denominator=False, scale="relative")
        return stepped(test, {"arm": treated.tolist(), "y": took.tolist()})

    return stop


def stepped_ratio(generator: np.random.Generator, labels: int) -> int:
    return stepped(procedures.SampleRatioMismatch(alpha=0.05), {"arm": generator.integers(0, 2, labels).tolist()})


SIX = tango_labels(0.045, 0.015, 0.0, 0.05)
TWO = tango_labels(0.01, 0.01, 0.01, 0.05)
# library, call, world, allowed share (None: a verdict is right), experiments, labels, labels of one look
TRIALS: list[tuple[str, str, str, float | None, int, int, float | None, Stop]] = [
    ("ville", "BettingTest", "paired, no drop, 6 %", 0.05, 1000, LABELS, None, ville_paired(0.03, 0.03)),
    ("ville", "BettingTest", "paired, 3 points worse, 6 %", None, 1000, 3000, SIX, ville_paired(0.045, 0.015)),
    ("ville", "BettingTest", "paired, drop = margin", 0.025, 1000, LABELS, None, ville_paired(0.02, 0.01, 0.01)),
    ("ville", "BettingTest", "paired, equal, 2 %, margin 1", None, 1000, 10_000, TWO, ville_paired(0.01, 0.01, 0.01)),
    ("ville", "BettingABTest", "split, no drop, 0.5/0.5", 0.05, 40, LABELS, None, ville_split(0.92, 0.92, 0.5)),
    ("ville", "BettingABTest", "split, 92 and 89 %, 0.5/0.5", None, 40, 10_000, None, ville_split(0.92, 0.89, 0.5)),
    ("ville", "BernoulliTest", "share = 1 %", 0.05, 1000, LABELS, None, ville_share(0.01)),
    ("ville", "AsymptoticABTest", "latency, sigma 1, 0.5/0.5", 0.05, 1000, LABELS, None, ville_times(1.0, 0.5)),
    ("ville", "AsymptoticABTest", "latency, sigma 1, 0.9/0.1", 0.05, 1000, LABELS, None, ville_times(1.0, 0.9)),
    ("savvi", "Multinomial", "sample ratio, 0.5/0.5", 0.05, 100, LABELS, None, savvi_ratio),
    (
        "sequential-analysis",
        "BettingMeanTest",
        "paired, no drop, 6 %",
        0.05,
        200,
        LABELS,
        None,
        stepped_paired(0.03, 0.03),
    ),
    (
        "sequential-analysis",
        "BettingMeanTest",
        "paired, 3 points worse, 6 %",
        None,
        500,
        3000,
        SIX,
        stepped_paired(0.045, 0.015),
    ),
    (
        "sequential-analysis",
        "BettingMeanTest",
        "paired, equal, 2 %, margin 1",
        None,
        200,
        10_000,
        TWO,
        stepped_paired(0.01, 0.01, 0.01),
    ),
    (
        "sequential-analysis",
        "BoundedABTest",
        "split, no drop, 0.5/0.5",
        0.05,
        100,
        LABELS,
        None,
        stepped_split(0.92, 0.92, 0.5),
    ),
    (
        "sequential-analysis",
        "BoundedABTest",
        "split, 92 and 89 %, 0.5/0.5",
        None,
        100,
        10_000,
        None,
        stepped_split(0.92, 0.89, 0.5),
    ),
    (
        "sequential-analysis",
        "RatioABTest",
        "latency, sigma 1, 0.5/0.5",
        0.05,
        200,
        LABELS,
        None,
        stepped_times(1.0, 0.5),
    ),
    ("sequential-analysis", "SampleRatioMismatch", "sample ratio, 0.5/0.5", 0.05, 200, LABELS, None, stepped_ratio),
]


def trial(
    library: str, call: str, world: str, allowed: float | None, experiments: int, labels: int, one_look, stop: Stop
):
    generator = np.random.default_rng(SEED)
    start = time.process_time()
    looks = np.array([stop(generator, labels) for _ in range(experiments)])
    seconds = time.process_time() - start
    found = int((looks > 0).sum())
    row = {
        "library": library,
        "call": call,
        "world": world,
        "allowed": allowed,
        "experiments": experiments,
        "labels": labels,
        "verdicts": found,
        "upper": upper_bound(found, experiments),
    }
    took = np.sort(np.where(looks > 0, looks, labels + 1))
    computed = labels * experiments if library == "ville" else np.minimum(took, labels).sum()  # ville: whole streams
    row["microseconds"] = round(float(1e6 * seconds / computed), 2)  # of processor time, a label
    if allowed is None:
        enough = int(took[int(np.ceil(0.9 * experiments)) - 1])
        row |= {"median": int(np.median(took)), "enough": enough if enough <= labels else None}
        row["one_look"] = round(one_look) if one_look else None
        row["by_1500"] = int((took <= 1500).sum())
    print(row, flush=True)
    return row


def main() -> None:
    rows = [trial(*given) for given in TRIALS]
    conditions = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": SEED,
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in ("ville", "savvi", "sequential-analysis", "numpy", "scipy")},
    }
    Path(sys.argv[1]).write_text(
        json.dumps({"conditions": conditions, "rows": rows}, indent=1) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
