"""A worker that is killed is missed at once, and not at the supervisor's own look after some seconds."""

import asyncio
import signal
import subprocess
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from circus.exc import ConflictError

from service.serving.supervisor import Signals
from tests.service.conftest import until


@pytest.mark.parametrize(
    ("command", "number", "looks"),
    [
        ("exec sleep 600", signal.SIGKILL, 2),
        ("exec sleep 600", signal.SIGTERM, 2),
        ("exit 2", None, 0),  # one that cannot serve waits its turn
    ],
)
def test_who_was_killed_is_looked_after_as_soon_as_it_ends(command: str, number: int | None, looks: int) -> None:
    """Again where the supervisor is just at something else."""
    soon, looked = list[Callable[[], Coroutine[Any, Any, None]]](), list[int]()

    async def look() -> None:
        looked.append(worker.pid)
        if len(looked) == 1:
            raise ConflictError
        worker.wait()

    watcher = SimpleNamespace(processes={})
    arbiter = SimpleNamespace(_stopping=False, iter_watchers=lambda: [watcher], manage_watchers=look)
    loop = SimpleNamespace(add_callback_from_signal=soon.append)
    signals = Signals(SimpleNamespace(arbiter=arbiter, loop=loop))
    try:
        worker = subprocess.Popen(["sh", "-c", command])
        watcher.processes[worker.pid] = worker
        if number is not None:
            worker.send_signal(number)
        until(lambda: soon and psutil.Process(worker.pid).status() == psutil.STATUS_ZOMBIE)
        asyncio.run(soon[0]())
    finally:
        signals.stop()
    worker.wait()
    assert looked == [worker.pid] * looks
