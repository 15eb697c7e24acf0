"""What BentoML's supervisor does with workers, where its own choice serves no one.

It starts no worker again in a container, learns only every ten seconds that one was killed, waits a day for one to end,
keeps connections waiting that no worker will accept any more, hears no second signal, and closes connections after 5
idle seconds. None of it can be set, but what makes watchers and handles signals is looked up when it is called.
"""

import asyncio
import os
from contextlib import suppress
from signal import SIGCHLD, SIGINT, SIGKILL, SIGTERM
from types import FrameType
from typing import Any

import circus.controller
import circus.watcher
from circus.exc import ConflictError
from circus.sighandler import SysHandler
from prometheus_client.multiprocess import mark_process_dead

from service.serving.ending import LAST_S

AGAIN_S = 0.1
LATER_S = 5.0  # killed so much later than a worker ends by itself


class Watcher(circus.watcher.Watcher):  # type: ignore[misc]
    """Keeps the workers alive wherever they run, and ends them after a time of grace."""

    keep_alive_s, drain_s, grace_s = 75, 5, 20

    def __init__(self, name: str, cmd: str, args: list[str], **options: Any) -> None:
        for option, seconds in (
            ("--timeout-keep-alive", self.keep_alive_s),
            ("--timeout-graceful-shutdown", self.grace_s),
        ):
            if option not in args:  # the operator's own stays
                args = [*args, option, str(seconds)]
        options |= {
            "respawn": True,
            "stop_signal": SIGINT,  # without a drain, unless it is SIGTERM that ends the service
            "stop_children": False,  # workers end what they have started, after the drain: answers are recorded in it
            "graceful_timeout": self.drain_s + LAST_S + self.grace_s + LATER_S,
        }
        super().__init__(name, cmd, args=args, **options)

    def reap_process(self, pid: int, status: int | None = None) -> None:
        """Forget a process that has ended, and what it had in flight."""
        super().reap_process(pid, status)
        if folder := (self.env or {}).get("PROMETHEUS_MULTIPROC_DIR"):
            mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]


class Signals(SysHandler):  # type: ignore[misc]
    """Hands SIGTERM on to the workers, ends them at once on a second one, and starts a killed worker again."""

    SIGNALS = (*SysHandler.SIGNALS, SIGCHLD)
    _ending = False

    def signal(self, sig: int, frame: FrameType | None = None) -> None:
        """Do what a signal asks for."""
        if sig == SIGCHLD:
            self._soon(self._look_after_workers)
        else:
            super().signal(sig, frame)

    def handle_term(self) -> None:
        """End after a drain."""
        self._end(SIGTERM)

    def handle_int(self) -> None:
        """End without one."""
        self._end(SIGINT)

    def _end(self, number: int) -> None:
        workers = [pid for watcher in self._watchers() for pid in watcher.processes]
        for watcher in self._watchers():
            watcher.stop_signal = number
        if self._ending:
            for pid in workers:
                with suppress(ProcessLookupError):
                    os.kill(pid, SIGKILL)
            return
        self._ending = True
        for each in self.controller.arbiter.sockets.values():
            each.close()  # so that nobody can connect once the workers, which have it too, do not accept any more
        self._soon(self._quit)

    async def _quit(self) -> None:
        arbiter = self.controller.arbiter
        while not arbiter._stopping:  # which is refused while a worker is just being started
            self.quit()
            await asyncio.sleep(AGAIN_S)

    async def _look_after_workers(self) -> None:
        """Start workers anew that were killed; one that ended by itself, because it cannot serve, waits its turn."""
        arbiter = self.controller.arbiter
        while not arbiter._stopping and any(_was_killed(pid) for each in self._watchers() for pid in each.processes):
            try:
                await arbiter.manage_watchers()
            except ConflictError:
                await asyncio.sleep(AGAIN_S)

    def _watchers(self) -> list[Watcher]:
        return list(self.controller.arbiter.iter_watchers())

    def _soon(self, task: Any) -> None:
        self.controller.loop.add_callback_from_signal(task)


def _was_killed(pid: int) -> bool:
    """Tell whether a child has ended by a signal, and leave it to whoever waits for it."""
    try:
        found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return found is not None and found.si_code in (os.CLD_KILLED, os.CLD_DUMPED)


def supervise(keep_alive_s: int, drain_s: int, grace_s: int) -> None:
    """Let the supervisor of this process treat workers so."""
    Watcher.keep_alive_s, Watcher.drain_s, Watcher.grace_s = keep_alive_s, drain_s, grace_s
    circus.watcher.Watcher = Watcher
    circus.controller.SysHandler = Signals
