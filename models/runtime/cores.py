"""The cores that this process may use: those it is bound to, or less where a container's quota says so (no torch)."""

import os
from pathlib import Path

V2, V1 = Path("/sys/fs/cgroup/cpu.max"), Path("/sys/fs/cgroup/cpu")


def cores() -> float:
    """Return how many cores there are to use, a broken number under a quota."""
    bound = float(len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else float(os.cpu_count() or 1)
    quota = _quota()
    return bound if quota is None else min(bound, quota)


def _quota() -> float | None:
    """Return the quota of this control group in cores (the kernel's cgroup-v2.rst, "cpu.max"; v1's "cpu.cfs_*")."""
    try:
        if V2.exists():
            most, period = V2.read_text().split()
        else:
            most, period = ((V1 / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period"))
        return int(most) / int(period) if most.lstrip("-").isdigit() and int(most) > 0 else None
    except (OSError, ValueError):
        return None
