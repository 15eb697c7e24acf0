"""More than one generator core or machine: Locust's master and workers, whose exact recordings come home in a message
of their own.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event
from locust.env import Environment
from locust.rpc import Message
from locust.runners import MasterRunner, WorkerRunner

from loadtest.errors import LoadTestError
from loadtest.numbers.recording import Measurement, add_up
from loadtest.users.recorder import Recorder

RECORDED, END = "bonsai_recorded", "bonsai_end"
JOIN_WITHIN_S = 60.0
REPORT_WITHIN_S = 30.0
LOCUSTFILE = Path(__file__).parents[1] / "locustfile.py"


def report_recordings(environment: Environment, recorder: Recorder) -> None:
    """Let a worker send what it recorded to its master at the end of each test."""

    def send(**_: Any) -> None:
        if isinstance(environment.runner, WorkerRunner):
            environment.runner.send_message(
                RECORDED, {name: one.model_dump() for name, one in recorder.measurements().items()}
            )
            # All users have ended by now, and Locust would still wait as long before the worker is ready again.
            environment.stop_timeout = 0

    def end(**_: Any) -> None:
        if isinstance(environment.runner, WorkerRunner):
            environment.runner.stop()

    environment.events.test_stop.add_listener(send)
    if isinstance(environment.runner, WorkerRunner):
        environment.runner.register_message(END, end)


class Gathered:
    """What a master's workers recorded of the current or last test; `complete` is called when the last of them has
    reported.
    """

    def __init__(self, runner: MasterRunner, complete: Callable[[dict[str, Measurement]], None] | None = None) -> None:
        self._runner = runner
        self._complete = complete
        self._heard: list[dict[str, Measurement]] = []
        self._workers = 0
        runner.register_message(RECORDED, self._hear)
        runner.environment.events.test_start.add_listener(self._start)
        if complete is not None:
            runner.environment.events.test_stop.add_listener(self._end)

    def wait(self) -> dict[str, Measurement]:
        """Wait for every worker's recordings and return their sum by variant."""
        self._hear_all()
        return self._sums()

    def _start(self, **_: Any) -> None:
        self._heard.clear()
        self._workers = self._runner.worker_count

    def _end(self, **_: Any) -> None:
        """End the test of the workers that are still at it, and wait until they have reported: a master that quits
        waits half a second for them, and on a busy machine their users take longer.
        """
        clients = self._runner.clients
        for client in [*clients.spawning, *clients.running]:
            self._runner.server.send_to_client(Message(END, None, client.id))
        try:
            self._hear_all(leave=True)
        except LoadTestError as error:
            print(f"error: {error}", file=sys.stderr)
            self._runner.environment.process_exit_code = 2

    def _hear_all(self, *, leave: bool = False) -> None:
        """Wait for every worker's recordings; `leave` says that workers which have gone are not waited for."""
        try:
            with gevent.Timeout(REPORT_WITHIN_S):
                while len(self._heard) < self._workers and (self._runner.clients or not leave):
                    gevent.sleep(0.01)
        except gevent.Timeout as error:
            raise LoadTestError(
                f"{len(self._heard)} of {self._workers} generator processes reported; see their messages above"
            ) from error

    def _hear(self, msg: Message, **_: Any) -> None:
        self._heard.append({name: Measurement.model_validate(one) for name, one in msg.data.items()})
        if self._complete is not None and len(self._heard) == self._workers:
            self._complete(self._sums())

    def _sums(self) -> dict[str, Measurement]:
        names = dict.fromkeys(name for one in self._heard for name in one)
        return {name: add_up([one[name] for one in self._heard if name in one]) for name in names}


@contextmanager
def local_workers(count: int, port: int) -> Iterator[None]:
    """Run that many worker processes on this machine, for a master at that port."""
    command = [
        sys.executable,
        "-m",
        "locust",
        "-f",
        str(LOCUSTFILE),
        "--worker",
        "--master-host",
        "127.0.0.1",
        "--master-port",
        str(port),
        "-L",
        "WARNING",
    ]
    running = [subprocess.Popen(command, cwd=Path.cwd()) for _ in range(count)]
    try:
        yield
    finally:
        for worker in running:
            worker.terminate()
        for worker in running:
            worker.wait(10)


def wait_for_workers(runner: MasterRunner, count: int, stop: Event) -> None:
    """Wait until that many workers have joined and are ready (KeyboardInterrupt where `stop` is set before)."""
    waiting = gevent.Timeout(JOIN_WITHIN_S)
    try:
        with waiting:
            while len(runner.clients.ready) < count:
                if stop.wait(0.05):
                    raise KeyboardInterrupt
    except gevent.Timeout as error:
        joined = f"{len(runner.clients.ready)} of {count} generator processes joined within {JOIN_WITHIN_S:g} s"
        raise LoadTestError(f"{joined}; see their messages above") from error
