"""Worlds with a known truth, from which experiments are drawn: the first look at which a claim is refuted in each."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from service.evidence import latency, share
from service.evidence.betting import LOG_WEIGHTS, log_capital, log_growth
from service.evidence.difference import log_threshold
from service.evidence.metric import spread
from service.evidence.mixture import Floats, log_mean
from service.evidence.paired import VALUES
from service.evidence.sample_ratio import BELIEF
from service.evidence.simulate.looks import Integers, first_look, look_after_each

Draw = Callable[[np.random.Generator, int, int], Integers]  # generator, experiments, labels → first looks


class Claim(NamedTuple):
    """What is bet against: the mean of the outcomes times `sign` is `mean` or below."""

    sign: float
    mean: float


def claims(margin: float | None) -> list[Claim]:
    """Return "drop >= margin", or where there is no margin the two sides of "no difference"."""
    return [Claim(-1.0, -margin)] if margin is not None else [Claim(1.0, 0.0), Claim(-1.0, 0.0)]


def refuted(drawn: npt.NDArray[np.integer], values: Floats, against: list[Claim], alpha: float) -> Integers:
    """Return the first look at which one of the claims is refuted; outcomes are given by the number of their value."""

    def capital(counts: Floats) -> Floats:
        return np.asarray(
            np.stack([log_capital(counts, claim.sign * values, claim.mean) for claim in against]).max(axis=0)
        )

    return look_after_each(drawn, len(values), capital, log_threshold(alpha))


def paired(worse: float, better: float, against: list[Claim], alpha: float = 0.05) -> Draw:
    """Return experiments of labelled pairs with so large shares of discordant ones."""

    def draw(generator: np.random.Generator, experiments: int, labels: int) -> Integers:
        chance = generator.random((experiments, labels), dtype=np.float32)
        drawn = np.where(chance < worse, 0, np.where(chance < worse + better, 1, 2)).astype(np.int8)
        return refuted(drawn, VALUES, against, alpha)

    return draw


def split(
    control: float, arm: float, weight: float, against: list[Claim], alpha: float = 0.05, *, arms_labels: bool = False
) -> Draw:
    """Return experiments of two arms with these accuracies, of which the control gets this share of the labels (or
    `labels` come to the arm).

    Labels of an arm are alike before they are drawn, so the blocks are drawn, and as many of them as the labels fill.
    """
    size = max(1, round(weight / (1 - weight)))
    right, also = np.meshgrid(np.arange(size + 1), np.arange(2), indexing="ij")
    values = (right / size - also).ravel()

    def draw(generator: np.random.Generator, experiments: int, labels: int) -> Integers:
        if arms_labels:
            blocks = np.full(experiments, labels)
        else:
            for_control = generator.binomial(labels, weight, experiments)
            blocks = np.minimum(for_control // size, labels - for_control)
        shape = (experiments, int(blocks.max()))
        drawn = 2 * generator.binomial(size, control, shape) + (generator.random(shape) < arm)
        looks = refuted(drawn, values, against, alpha)
        return np.where(looks <= blocks, looks, 0)

    return draw


def metric(shares: list[float], against: list[Claim], alpha: float = 0.05) -> Draw:
    """Return experiments of two equal arms with a metric on an even scale from 0 to 1, of which each value has this
    share; the scale's steps lie between the cells of `service.evidence.metric`.
    """
    steps = len(shares) - 1
    values = np.arange(-steps, steps + 1) / steps
    cells = [spread(values[place : place + 1], np.ones(1)) for place in range(len(values))]

    growths = [np.stack([held @ log_growth(sign * at, mean) for at, held in cells]) for sign, mean in against]

    def capital(counts: Floats) -> Floats:
        return np.asarray(np.stack([log_mean(counts @ growth, LOG_WEIGHTS) for growth in growths]).max(axis=0))

    def draw(generator: np.random.Generator, experiments: int, labels: int) -> Integers:
        control, arm = generator.choice(len(shares), p=shares, size=(2, experiments, labels // 2))
        return look_after_each(control - arm + steps, len(values), capital, log_threshold(alpha))

    return draw


def rate(events: float, most: float, alpha: float = 0.05) -> Draw:
    """Return experiments on a share of events, against "it is `most` or below"."""

    def draw(generator: np.random.Generator, experiments: int, labels: int) -> Integers:
        happened = (generator.random((experiments, labels), dtype=np.float32) < events).astype(np.int8)

        def capital(counts: Floats) -> Floats:
            return share.log_capital(counts.sum(axis=-1), counts[:, 1], most)

        return look_after_each(happened, 2, capital, log_threshold(alpha))

    return draw


def times(sigma: float, weight: float, slower: float, alpha: float = 0.05, *, only_above: bool = False) -> Draw:
    """Return experiments on log-normal times, of which the arm's are so much slower than the control's, until the
    interval misses that ratio (or lies above it).
    """

    def draw(generator: np.random.Generator, experiments: int, labels: int) -> Integers:
        shape = (experiments, labels)
        took = np.exp(sigma * generator.standard_normal(shape))
        for_arm = generator.random(shape) >= weight
        took[for_arm] *= slower
        moments = [
            np.maximum(np.cumsum(np.where(mine, took**power, 0.0), axis=1), 1e-9)
            for mine in (~for_arm, for_arm)
            for power in (0, 1, 2)
        ]
        log_ratio, half = latency.log_bounds(*moments, alpha=alpha)
        off = log_ratio - math.log(slower)
        missed = (off if only_above else np.abs(off)) >= half
        return first_look(missed & (np.minimum(moments[0], moments[3]) >= latency.FEWEST))

    return draw


def assigned(shares: list[float], promised: list[float], alpha: float) -> Draw:
    """Return experiments whose units come to the arms by these shares, where others were promised."""

    def draw(generator: np.random.Generator, experiments: int, labels: int) -> Integers:
        units = generator.choice(len(shares), p=shares, size=(experiments, labels))
        logs = _log_gammas(BELIEF, labels)[0] - _log_gammas(BELIEF, labels)[np.newaxis, 1:]
        for arm, expected in enumerate(promised):
            known = _log_gammas(BELIEF * expected, labels)
            came = np.cumsum(units == arm, axis=1)
            logs = logs + known[came] - known[0] - came * math.log(expected)
        return first_look(logs >= -math.log(alpha))

    return draw


def _log_gammas(first: float, labels: int) -> Floats:
    """Return the log gamma function at `first` and the next whole steps: a table, since numpy has none."""
    steps = np.concatenate([[math.lgamma(first)], np.log(first + np.arange(labels))])
    return np.cumsum(steps)
