"""What the operator may set, read from the environment once at start."""

import os
import re
import tempfile
from pathlib import Path

from models.runtime.cores import cores
from models.runtime.errors import BonsaiError

COMPARISON = "comparison.json"  # what a load test writes for others to show
MAX_BODY = 8 * 2**20  # bytes
MAX_DRAINED = 64 * 2**20  # bytes of a refused body that are read, so that the client gets to see the answer
MAX_BODIES = 128 * 2**20  # bytes of bodies that are held at a time; one more gets 429
MOST_WAITING = 1024  # requests in a worker's thread or waiting for it; one more gets 429
INLINE_MS = 2.0  # what is computed on the event loop; everything else waits for so long at the most
BATCH_MS = 15.0  # of one batch in the thread: what a short request waits for at the most, beside its own turn
MOST_AT_ONCE = (
    1024  # threads or workers; what is more was meant otherwise, and the machine refuses it with less clear words
)
MOST_MS = 86_400_000


def variants_folder() -> Path:
    """Return the folder of the build: BONSAI_VARIANTS, or `variants` beside the packages, where a Bento carries it, or
    in the present folder.
    """
    if given := os.environ.get("BONSAI_VARIANTS"):
        return Path(given).absolute()
    beside = Path(__file__).parents[2] / "variants"
    return beside if beside.exists() else Path("variants").absolute()


def only() -> tuple[str, ...]:
    """Return the names of the variants to serve (BONSAI_ONLY, separated by commas; all of the build)."""
    given = os.environ.get("BONSAI_ONLY", "")
    names = tuple(dict.fromkeys(filter(None, map(str.strip, given.split(",")))))
    if given.strip() and not names:
        raise BonsaiError(f"BONSAI_ONLY is '{given[:64]}'; expected names of variants with commas between them")
    return names


def load_tests() -> list[Path]:
    """Return where the last load test may lie: where BONSAI_LOAD_TEST says, a run's folder or a file in it; or else
    with the variants, or in the results beside them.
    """
    if given := os.environ.get("BONSAI_LOAD_TEST"):
        named = Path(given)
        return [named / COMPARISON, named.with_name(COMPARISON) if named.name == "result.json" else named]
    variants = variants_folder()
    return [variants / "load_test.json", variants.parent / "loadtest" / "results" / "latest" / COMPARISON]


def threads() -> int:
    """Return the threads of each session (BONSAI_THREADS, 1): several sessions of several threads each would fight for
    the same cores.
    """
    return _number("BONSAI_THREADS", 1, MOST_AT_ONCE)


def workers() -> int:
    """Return the number of worker processes (BONSAI_WORKERS, one a core that may be used)."""
    return _number("BONSAI_WORKERS", max(1, int(cores())), MOST_AT_ONCE)


def deadline_s() -> float:
    """Return the seconds after which a request is given up (BONSAI_TIMEOUT_MS, 10,000 ms)."""
    return _number("BONSAI_TIMEOUT_MS", 10_000, MOST_MS) / 1000


def most_wait_ms() -> float:
    """Return the milliseconds of work that may be ahead of a request when it is taken (BONSAI_MAX_WAIT_MS, 1,000)."""
    return float(_number("BONSAI_MAX_WAIT_MS", 1_000, MOST_MS))


def keep_alive_s() -> int:
    """Return the seconds that an idle connection is kept (BONSAI_KEEP_ALIVE_S, 75): longer than the 60 of most
    balancers, which otherwise send a request into a connection that is just being closed.
    """
    return _number("BONSAI_KEEP_ALIVE_S", 75, MOST_MS)


def read_s() -> int:
    """Return the seconds in which a request has to come (BONSAI_READ_S, 20); a large body gets more."""
    return _number("BONSAI_READ_S", 20, MOST_MS)


def grace_s() -> int:
    """Return the seconds that requests under way get when the service ends (BONSAI_GRACE_S, 20)."""
    return _number("BONSAI_GRACE_S", 20, MOST_MS)


def drain_s() -> int:
    """Return the seconds for which a service that is sent SIGTERM is unready and answers on (BONSAI_DRAIN_S, 5): until
    balancers have learned of it, which takes a few seconds in Kubernetes.
    """
    return _number("BONSAI_DRAIN_S", 5, MOST_MS, least=0)


def path_prefix() -> str:
    """Return what stands before every route (BONSAI_PATH_PREFIX, nothing)."""
    given = os.environ.get("BONSAI_PATH_PREFIX", "").rstrip("/")
    # Clients take "." and ".." out of a path before they ask (RFC 3986, 5.2.4).
    if given and not re.fullmatch(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)+", given):
        raise BonsaiError(f"BONSAI_PATH_PREFIX is '{given[:64]}'; expected a path such as /bonsai")
    return given


def keys_file() -> Path | None:
    """Return the file of API keys (BONSAI_KEYS, none: whoever reaches the service may predict)."""
    given = os.environ.get("BONSAI_KEYS")
    return Path(given) if given else None


def strict() -> bool:
    """Tell whether to serve only what passes the start-up check (BONSAI_STRICT, 0)."""
    return _switch("BONSAI_STRICT")


def access_log() -> float:
    """Return the share of requests that get a line in the log (BONSAI_ACCESS_LOG, 0)."""
    given = os.environ.get("BONSAI_ACCESS_LOG") or "0"
    try:
        share = float(given)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise BonsaiError(f"BONSAI_ACCESS_LOG is '{given[:64]}'; expected a share from 0 to 1")
    return share


def check_temporary_folder() -> None:
    """Refuse to start without a temporary folder, which BentoML needs for its sockets (BonsaiError)."""
    try:
        tempfile.gettempdir()
    except OSError as error:
        raise BonsaiError("there is no temporary folder that can be written; set TMPDIR to one") from error


def _number(name: str, default: int, most: int, least: int = 1) -> int:
    given = os.environ.get(name) or str(default)
    if not (given.isascii() and given.isdigit() and len(given) <= 9 and least <= int(given) <= most):
        raise BonsaiError(f"{name} is '{given[:64]}'; expected a whole number from {least} to {most}")
    return int(given)


def _switch(name: str) -> bool:
    given = os.environ.get(name) or "0"
    if given not in ("0", "1"):
        raise BonsaiError(f"{name} is '{given[:64]}'; expected 0 or 1")
    return given == "1"
