"""The conditions of a run: on what machine, with what versions and against what, so that its figures can be held beside
others.
"""

import hashlib
import os
import platform
import socket
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from loadtest.ask.corpus import Question
from loadtest.ask.traffic import Traffic
from loadtest.numbers.recording import Disturbance
from loadtest.numbers.result import Conditions, Corpus
from loadtest.users.address import Address

LIBRARIES = ("locust", "gevent", "hdrhistogram")
LOOK_S = 1.0


def machine() -> dict[str, Any]:
    """Name the machine that the generator runs on."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
    }


def surroundings(libraries: Sequence[str] = LIBRARIES) -> dict[str, Any]:
    """Say when, on what and with which code and libraries something is measured."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in libraries},
        "commit": _commit(),
    }


def conditions(
    address: Address, traffic: Traffic, questions: Sequence[Question], build: str | None, timeout: float, **given: Any
) -> Conditions:
    """Return what is known before the first request, with what the command line said."""
    labels = bool(questions[0].expected)
    corpus = Corpus(
        path=traffic.source, texts=len(questions), sha256=fingerprint(questions), labels_checked=labels, build=build
    )
    return Conditions(
        host=str(address),
        same_machine=is_local(address.host),
        **surroundings(),
        corpus=corpus,
        timeout_seconds=timeout,
        # The load average of the last minute counts a build that has just ended as well: whether the machine is quiet
        # now, only a look at it says.
        busy_share_before=round(psutil.cpu_percent(interval=LOOK_S) / 100, 3),
        load_average_before=[round(load, 2) for load in os.getloadavg()],
        **given,
    )


class Watch:
    """What the machine did meanwhile: how busy all its cores were, and what the hypervisor stole."""

    def __init__(self) -> None:
        self._before = psutil.cpu_times()

    def share(self) -> Disturbance:
        """Return the shares of all cores' time since the start."""
        before, after = self._before, psutil.cpu_times()
        spent = {
            name: getattr(after, name) - getattr(before, name) for name in after._fields if not name.startswith("guest")
        }
        total = sum(spent.values()) or 1.0
        return Disturbance(
            busy_share=round(1 - (spent["idle"] + spent.get("iowait", 0.0)) / total, 4),
            steal_share=round(spent.get("steal", 0.0) / total, 4),
            load_average_after=[round(load, 2) for load in os.getloadavg()],
        )


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str | None:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def fingerprint(questions: Sequence[Question]) -> str:
    """Hash what is asked and nothing else, so that a new variant in the corpus does not make two runs look
    different.
    """
    digest = hashlib.sha256()
    for question in questions:
        digest.update(question.text.encode() + b"\0" + question.label.encode() + b"\n")
    return digest.hexdigest()


def is_local(host: str) -> bool:
    """Say whether a host is this machine, by whatever of its addresses."""
    try:
        found = {_address(str(one[4][0])) for one in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    interfaces = (one for those in psutil.net_if_addrs().values() for one in those)
    ours = {_address(one.address) for one in interfaces if one.family in (socket.AF_INET, socket.AF_INET6)}
    # To connect to 0.0.0.0 or [::] is to connect to this machine, though no interface has these addresses.
    return all(one in ours or one.is_loopback or one.is_unspecified for one in found)


def _address(text: str) -> IPv4Address | IPv6Address:
    """Return an address without the name of an interface behind it, as IPv4 where it stands for one."""
    address = ip_address(text.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address
