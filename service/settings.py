"""What the operator may set, read from the environment once at start."""

import os
from pathlib import Path

MAX_TEXTS = 4096
MAX_BODY = 8 * 2**20  # bytes
MAX_DRAINED = 64 * 2**20  # bytes of a refused body that are read, so that the client gets to see the answer
MAX_WAITING = 512  # requests in work or waiting; one more gets 503
TIMEOUT_S = 10.0  # BentoML arms a timer for each request and never cancels it: minutes would mean thousands of live timers
DEADLINE_S = 8.0  # a request that is not done by then gets 503 between two batches, before the server's own timeout


def variants_folder() -> Path:
    """Return the folder of the build: BONSAI_VARIANTS, or `variants` beside the packages, which is where a Bento carries it."""
    return Path(os.environ.get("BONSAI_VARIANTS") or Path(__file__).parent.parent / "variants")


def threads() -> int:
    """Return the threads of each session (BONSAI_THREADS, 1): several sessions of several threads each would fight for the same cores."""
    given = os.environ.get("BONSAI_THREADS") or "1"
    if not given.isdigit() or int(given) < 1:
        raise ValueError(f"BONSAI_THREADS is '{given}'; expected a whole number from 1 on")
    return int(given)


def workers() -> int:
    """Return the number of worker processes (BONSAI_WORKERS, 1)."""
    given = os.environ.get("BONSAI_WORKERS") or "1"
    if not given.isdigit() or int(given) < 1:
        raise ValueError(f"BONSAI_WORKERS is '{given}'; expected a whole number from 1 on")
    return int(given)
