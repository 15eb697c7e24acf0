"""What the operator may set, read from the environment once at start."""

import os
import tempfile
from pathlib import Path

from models.runtime.errors import BonsaiError

MAX_BODY = 8 * 2**20  # bytes
MAX_DRAINED = 64 * 2**20  # bytes of a refused body that are read, so that the client gets to see the answer
MAX_WAITING = 512  # requests in work or waiting; one more gets 503
TIMEOUT_S = (
    10.0  # BentoML arms a timer for each request and never cancels it: minutes would mean thousands of live timers
)
DEADLINE_S = 8.0  # a request that is not done by then gets 503 between two batches, before the server's own timeout
MOST_AT_ONCE = (
    1024  # threads or workers; what is more was meant otherwise, and the machine refuses it with less clear words
)


def variants_folder() -> Path:
    """Return the folder of the build: BONSAI_VARIANTS, or `variants` beside the packages, where a Bento carries it, or
    in the present folder.
    """
    if given := os.environ.get("BONSAI_VARIANTS"):
        return Path(given)
    beside = Path(__file__).parents[2] / "variants"
    return beside if beside.exists() else Path("variants").absolute()


def threads() -> int:
    """Return the threads of each session (BONSAI_THREADS, 1): several sessions of several threads each would fight for
    the same cores.
    """
    return _number("BONSAI_THREADS")


def workers() -> int:
    """Return the number of worker processes (BONSAI_WORKERS, 1)."""
    return _number("BONSAI_WORKERS")


def strict() -> bool:
    """Tell whether to serve only what passes the start-up check (BONSAI_STRICT, 0)."""
    return _switch("BONSAI_STRICT")


def access_log() -> bool:
    """Tell whether to log a line for every request (BONSAI_ACCESS_LOG, 0)."""
    return _switch("BONSAI_ACCESS_LOG")


def check_temporary_folder() -> None:
    """Refuse to start without a temporary folder, which BentoML needs for its sockets (BonsaiError)."""
    try:
        tempfile.gettempdir()
    except OSError as error:
        raise BonsaiError("there is no temporary folder that can be written; set TMPDIR to one") from error


def _number(name: str) -> int:
    given = os.environ.get(name) or "1"
    if not (given.isascii() and given.isdigit() and len(given) <= 9 and 1 <= int(given) <= MOST_AT_ONCE):
        raise BonsaiError(f"{name} is '{given[:64]}'; expected a whole number from 1 to {MOST_AT_ONCE}")
    return int(given)


def _switch(name: str) -> bool:
    given = os.environ.get(name) or "0"
    if given not in ("0", "1"):
        raise BonsaiError(f"{name} is '{given[:64]}'; expected 0 or 1")
    return given == "1"
