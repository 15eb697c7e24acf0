"""How many files, and so connections, this process may have open: without enough of them the generator's own failures
would look like the service's.
"""

import resource
from pathlib import Path

from loadtest.errors import LoadTestError

OTHERS = 64  # files that the program itself has open, or may open meanwhile


def allow_connections(count: int) -> None:
    """Raise the soft limit so that as many connections can be open; LoadTestError where the hard limit is lower."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + max(OTHERS, _open() + OTHERS // 2)
    if needed <= soft or soft == resource.RLIM_INFINITY:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise LoadTestError(
            f"the load generator may have {hard} files open and needs {needed}; raise its limit first ('ulimit -n "
            f"{needed}', as root where it is a hard one)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _open() -> int:
    try:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())
    except OSError:  # not Linux
        return OTHERS // 2
