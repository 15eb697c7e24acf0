"""Keep generator and server off each other's cores where both run on one machine: sharing a core, each would measure
the other.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import psutil  # type: ignore[import-untyped]

from loadtest.numbers.result import Placement
from loadtest.users.address import Address


@contextmanager
def pinned(address: Address, *others: Address, same_machine: bool, generators: int = 1) -> Iterator[Placement]:
    """Pin for as long as the block runs; give the cores of both, or the reason why nothing was pinned. `others` are
    more services of this machine.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield Placement(why="this system cannot pin")
        return
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) <= generators:
        yield Placement(why=f"{len(cores)} cores are too few for {generators} generator processes and a server")
        return
    ours, theirs = cores[-generators:], cores[:-generators]
    ports = [one.port for one in ((address, *others) if same_machine else others)]
    found = [listeners(port) for port in ports]
    servers = [process for those in found for process in those]
    if not all(found):
        yield Placement(why="the server's process was not found")
        return
    before = {thread: os.sched_getaffinity(thread) for thread in _threads(servers)}
    try:
        _pin(0, set(ours))
        for thread in before:
            _pin(thread, set(theirs))
        yield Placement(pinned=True, generator_cores=ours, server_cores=theirs if servers else None)
    finally:
        _pin(0, set(cores))
        # What the server started meanwhile inherited our choice, and gets what its first process had.
        for thread in {
            *before,
            *_threads(servers),
            *_threads(process for port in ports for process in listeners(port)),
        }:
            _pin(thread, before.get(thread, before.get(servers[0].pid, set(cores))))


def listeners(port: int) -> list[psutil.Process]:
    """Return the processes that listen on a port, and their children; those of other people are not seen."""
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        try:
            if any(
                known.status == psutil.CONN_LISTEN and known.laddr.port == port
                for known in process.net_connections("tcp")
            ):
                found |= {one.pid: one for one in (process, *process.children(recursive=True))}
        except (psutil.AccessDenied, psutil.NoSuchProcess):
            continue
    found.pop(os.getpid(), None)
    return list(found.values())


def _threads(processes: Iterable[psutil.Process]) -> list[int]:
    found = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            found += [thread.id for thread in process.threads()]
    return found


def _pin(thread: int, cores: set[int]) -> None:
    with suppress(ProcessLookupError, PermissionError):  # it ended meanwhile, or belongs to somebody else
        os.sched_setaffinity(thread, cores)
