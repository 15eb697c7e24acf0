"""How many labels are still expected until a verdict."""

import numpy as np

from service.evidence.mixture import Floats, log_mean

MOST = 10_000_000  # labels; nobody waits for more
FEWEST = 30  # labels; before them the estimate is noise
DOUBT = 50  # labels' worth of belief that nothing differs, which keeps an early stroke of luck from promising much
# 1 … 99, 100, 110 … 990, 1000 …: what two digits can say
SAID = np.concatenate([np.arange(1, 10), *[np.arange(10, 100) * 10**power for power in range(6)]]).astype(float)


def shrunk(shares: Floats, mirrored: Floats, n: float) -> Floats:
    """Return the shares of the values, drawn towards a world in which a value and its mirror are as likely."""
    return np.asarray((n * shares + DOUBT * (shares + mirrored) / 2) / (n + DOUBT))


def expected(log_capitals: Floats, growth: Floats, log_weights: Floats, log_threshold: float) -> int | None:
    """Return after how many further labels, in two digits, the expected log capital is enough, when each stake's log
    capital grows by so much a label (None where that is not within MOST).
    """
    ahead = log_mean(log_capitals + SAID[:, None] * growth, log_weights)
    enough = np.flatnonzero(ahead >= log_threshold)
    return int(SAID[enough[0]]) if enough.size else None
