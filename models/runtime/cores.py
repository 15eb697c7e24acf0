"""The cores that this process may use: those it is bound to, or less where a quota says so, a container's or a systemd
unit's (no torch).
"""

import os
from collections.abc import Iterator
from pathlib import Path

GROUPS = Path("/proc/self/cgroup")
V2, V1 = Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/cpu")
QUOTAS = (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us"))  # the kernel's cgroup-v2.rst, and sched-bwc.rst


def cores() -> float:
    """Return how many cores there are to use, a broken number under a quota."""
    bound = float(len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else float(os.cpu_count() or 1)
    return min([bound, *_quotas()])


def _quotas() -> Iterator[float]:
    """Return the quotas of this control group and of all above it in cores; the least of them holds."""
    for folder in _folders():
        for names in QUOTAS:
            try:
                most, period = " ".join((folder / name).read_text() for name in names).split()
                if most.isdigit() and int(most) > 0:
                    yield int(most) / int(period)
            except (OSError, ValueError):  # none there, or none that is understood
                continue


def _folders() -> set[Path]:
    """Return where this control group and all above it are said to be; in a container they may not be there, for what
    is mounted begins at its own group.
    """
    found = {V2, V1}
    try:
        lines = GROUPS.read_text().splitlines()
    except (OSError, ValueError):
        return found
    for line in lines:
        _, controllers, group = line.split(":", 2)
        names = group.split("/")
        if ".." in names or (controllers and "cpu" not in controllers.split(",")):  # outside, or another's
            continue
        folder = V1 if controllers else V2
        for name in names:
            folder /= name
            found.add(folder)
    return found
