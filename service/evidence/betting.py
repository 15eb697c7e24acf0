"""Betting against a claimed mean of outcomes in [-1, 1] (Waudby-Smith and Ramdas 2024, JRSS B 86, section 4).

Who stakes the share g of his capital on "the mean is above m" has it multiplied by 1 - g + g (1 + d) / (1 + m) with
every outcome d: in the mean by 1 at most, if the mean is m or below. So his capital reaches 1 / alpha with probability
alpha at most, at any look (Ville 1939), and so does the mean of many gamblers' capitals. The product over the outcomes
depends on how often each value came up and on nothing else: neither on their order nor on the looks.
"""

import numpy as np

from service.evidence.mixture import Floats, guesses, log_mean

# The best stake is some drop / variance: 0.5 for 3 points with 6 % discordant pairs, 0.17 for 3 points between two arms
# of 90 %, 0.02 for half a point between arms of 50 %. Chosen by `python -m service.evidence.simulate --kind tango`.
STAKES, LOG_WEIGHTS = guesses(1e-3, 0.99, usual=0.25, width=1.0)


def log_growth(values: Floats, mean: float) -> Floats:
    """Return by how much each value (first axis) lets the log capital of each stake (last axis) grow, where the bets
    are against "the mean is `mean` or below".
    """
    return np.log1p(STAKES * (values[:, None] - mean) / (1 + mean))


def log_capital(counts: Floats, values: Floats, mean: float) -> Floats:
    """Return the log capital won against "the mean is `mean` or below" by outcomes of which each value (last axis of
    `counts`) came up so often.

    It falls as `mean` rises, for each stake, so that the means it does not refute form an interval.
    """
    return log_mean(counts @ log_growth(values, mean), LOG_WEIGHTS)
