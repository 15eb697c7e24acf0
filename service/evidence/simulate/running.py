"""Run the simulations and gather their figures."""

import zlib
from typing import Any

import numpy as np

from service.evidence.simulate import fixed
from service.evidence.simulate.kinds import NO_DROP, Found, Null, Race
from service.evidence.simulate.looks import NEVER, Integers
from service.evidence.simulate.worlds import Draw, claims, paired

AT_ONCE = 20  # experiments; more do not fit the memory of a small machine
ALPHA = 0.05
ROOM = 4.0  # a race is run over so many times the labels of the test with one look


def first_looks(draw: Draw, name: str, experiments: int, labels: int, seed: int) -> Integers:
    """Return the first look of each experiment; a world's numbers are its own, whichever others are drawn."""
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    sizes = [min(AT_ONCE, experiments - start) for start in range(0, experiments, AT_ONCE)]
    return np.concatenate([draw(generator, size, labels) for size in sizes])


def false_verdicts(null: Null, experiments: int, labels: int, seed: int) -> dict[str, Any]:
    """Return in how many experiments a false verdict was reached at any look, and at which."""
    looks = first_looks(null.draw, f"{null.kind} {null.world} {null.alpha}", experiments, labels, seed)
    wrong = looks[looks != NEVER]
    return {
        "kind": null.kind,
        "world": null.world,
        "allowed": null.alpha,
        "experiments": experiments,
        "labels": labels,
        "false": len(wrong),
        "upper": fixed.upper_bound(len(wrong), experiments),
        "first_looks": sorted(wrong.tolist()),
    }


def power(found: Found, experiments: int, seed: int) -> dict[str, Any]:
    """Return in how many experiments the arm was found to be worse within the labels."""
    looks = first_looks(found.draw, f"{found.kind} {found.world}", experiments, found.labels, seed)
    return {
        "kind": found.kind,
        "world": found.world,
        "labels": found.labels,
        "asked": found.asked,
        "experiments": experiments,
        "found": int(np.sum(looks != NEVER)),
    }


def race(given: Race, experiments: int, seed: int) -> dict[str, Any]:
    """Return after how many labels the verdict was reached, beside those of a Tango interval with one look that has the
    same power.
    """
    one_look = fixed.tango_labels(given.worse, given.better, given.margin, ALPHA)
    labels = int(ROOM * one_look)
    against = claims(given.margin) if given.margin else NO_DROP
    draw = paired(given.worse, given.better, against, ALPHA)
    looks = first_looks(draw, " ".join(map(str, given)), experiments, labels, seed)
    took = np.where(looks == NEVER, labels + 1, looks)
    enough = int(np.sort(took)[int(np.ceil(fixed.POWER * experiments)) - 1])  # in 90 % there was a verdict by then
    return {
        **given._asdict(),
        "experiments": experiments,
        "one_look": round(one_look),
        "median": int(np.median(took)),
        "mean": round(float(np.minimum(took, enough).mean())),  # with the same power: who has none by then, stops
        "enough": enough,
        "looks": took.tolist(),
    }
