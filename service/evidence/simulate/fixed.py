"""The yardsticks: how many labels a test with one look takes, and how sure a count of false verdicts is."""

import math
from statistics import NormalDist

POWER = 0.9


def tango_labels(worse: float, better: float, margin: float, alpha: float, power: float = POWER) -> float:
    """Return how many labelled pairs let the two-sided Tango interval exclude `margin` with this probability, where so
    large shares of them are discordant (Tango 1998, Statistics in Medicine 17, section 5).
    """
    quantile = NormalDist().inv_cdf
    drop = worse - better
    linear = 2 * margin - worse - better - drop * margin
    constant = -better * margin * (1 - margin)
    most_likely = (math.sqrt(max(linear**2 - 8 * constant, 0.0)) - linear) / 4  # share of better ones at the margin
    at_margin = 2 * most_likely + margin * (1 - margin)
    reach = quantile(1 - alpha / 2) * math.sqrt(at_margin) + quantile(power) * math.sqrt(worse + better - drop**2)
    return (reach / (drop - margin)) ** 2


def upper_bound(events: int, trials: int, confidence: float = 0.95) -> float:
    """Return the upper end of the exact two-sided interval of a share (Clopper and Pearson 1934)."""
    if events == trials:
        return 1.0
    low, high = events / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _at_most(events, trials, middle) > (1 - confidence) / 2:
            low = middle
        else:
            high = middle
    return high


def _at_most(events: int, trials: int, chance: float) -> float:
    """Return the binomial probability of so many events or fewer."""
    all_ways = math.lgamma(trials + 1)
    return math.fsum(
        math.exp(
            all_ways
            - math.lgamma(seen + 1)
            - math.lgamma(trials - seen + 1)
            + seen * math.log(chance)
            + (trials - seen) * math.log1p(-chance)
        )
        for seen in range(events + 1)
    )
