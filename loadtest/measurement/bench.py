"""One measurement: Locust, as a library, puts a load on the service; every answer in the window after the warm-up is
recorded.
"""

import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import gevent
from gevent.event import Event
from locust import User
from locust.env import Environment
from locust.exception import RPCError
from locust.runners import MasterRunner, Runner

from loadtest.ask.options import options
from loadtest.ask.traffic import Traffic
from loadtest.errors import LoadTestError
from loadtest.measurement.conditions import Watch
from loadtest.numbers.recording import Measurement, Recording
from loadtest.scenarios.load import Load
from loadtest.users.address import Address
from loadtest.users.closed_loop import ClosedLoopUser
from loadtest.users.open_loop import OpenLoopUser
from loadtest.users.recorder import Recorder
from loadtest.users.target import alive
from loadtest.users.workers import Gathered, local_workers, wait_for_workers

MARGIN_S = 0.05  # so that the last answer of a window is not cut off by a clock that is a little early


@dataclass
class Bench:
    """What all measurements of a run share: the service and the one it is compared with, the texts, the generator
    processes, the event that ends it all.
    """

    address: Address
    traffic: Traffic
    stop: Event
    bursts: str = ""
    against: Address | None = None
    open_loop: type[User] = OpenLoopUser
    closed_loop: type[User] = ClosedLoopUser
    master: MasterRunner | None = field(default=None, repr=False)
    gathered: Gathered | None = field(default=None, repr=False)

    def at_the_other_service(self, *, labels: bool) -> "Bench":
        """Return the same for the service that this one is compared with."""
        assert self.against is not None
        return replace(self, address=self.against, traffic=replace(self.traffic, labels=self.traffic.labels and labels))

    def alive(self) -> bool:
        """Say whether the service still answers."""
        return alive(self.address)

    def measure(
        self, variants: Mapping[str, float], versions: Mapping[str, str], load: Load, seed: str
    ) -> dict[str, Measurement] | None:
        """Put the load on variants, by weight, and return what result.json keeps of each; None when `stop` was set
        before the end.
        """
        single = len(variants) == 1
        told = options(
            variant=next(iter(variants)),
            mix="" if single else ",".join(f"{name}={weight:g}" for name, weight in variants.items()),
            variant_version=versions.get(next(iter(variants)), "") if single else "",
            answer_timeout=load.timeout,
            texts_per_request=load.texts,
            rate=load.rate / self._sources(),
            warm_up=load.warm_up,
            window=load.seconds,
            corpus_seed=seed,
            corpus=self.traffic.corpus,
            texts_file=self.traffic.texts_file,
            lengths=self.traffic.lengths,
            no_labels=not self.traffic.labels,
            bursts=self.bursts,
            stop_timeout=load.timeout + 1,
        )
        user = self.open_loop if load.rate else self.closed_loop
        users = self._sources() if load.rate else load.users
        watch = Watch()
        recorded = self._here(told, user, users) if self.master is None else self._on_workers(told, user, users)
        if self.stop.is_set():
            return None
        known = {"seconds": load.seconds, "disturbance": watch.share()}
        found = {name: recorded.get(name, Recording().measurement()) for name in variants}
        return {name: one.model_copy(update={**known, **_rates(one, load)}) for name, one in found.items()}

    def _sources(self) -> int:
        return 1 if self.master is None else int(self.master.worker_count)

    def _here(self, told: Any, user: type[User], users: int) -> dict[str, Measurement]:
        environment = Environment(
            user_classes=[user], host=self.address.url, stop_timeout=told.stop_timeout, parsed_options=told
        )
        recorder = Recorder(environment)
        runner = environment.create_local_runner()
        try:
            runner.start(users, spawn_rate=users)
            self.stop.wait(told.warm_up + told.window + MARGIN_S)
        finally:
            runner.quit()
            _let_connections_close()
        _raise_mistakes(runner)
        return recorder.measurements()

    def _on_workers(self, told: Any, user: type[User], users: int) -> dict[str, Measurement]:
        runner, environment = self.master, self.master.environment if self.master else None
        assert runner is not None and environment is not None and self.gathered is not None
        wait_for_workers(runner, runner.worker_count, self.stop)
        environment.parsed_options, environment.stop_timeout = told, told.stop_timeout
        environment.user_classes[:] = [user]
        environment.host = self.address.url
        runner.start(users, spawn_rate=100)
        self.stop.wait(told.warm_up + told.window + 10 * MARGIN_S)
        runner.stop()
        recorded = {} if self.stop.is_set() else self.gathered.wait()
        _raise_mistakes(runner)
        return recorded


@contextmanager
def generator_processes(bench: Bench, count: int) -> Iterator[None]:
    """Let a bench measure with that many worker processes of this machine; with one it measures in this process."""
    if count == 1:
        yield
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with local_workers(count, port), _led(bench, count, "127.0.0.1", port):
        yield


@contextmanager
def remote_processes(bench: Bench, count: int, port: int) -> Iterator[None]:
    """Let a bench measure with that many Locust workers, which others start wherever they like."""
    print(
        f"waiting for {count} workers: locust -f loadtest/locustfile.py --worker --master-host THIS-MACHINE "
        f"--master-port {port}",
        file=sys.stderr,
    )
    with _led(bench, count, "*", port):
        yield


@contextmanager
def _led(bench: Bench, count: int, host: str, port: int) -> Iterator[None]:
    environment = Environment(
        user_classes=[bench.closed_loop, bench.open_loop], host=bench.address.url, parsed_options=options()
    )
    try:
        bench.master = environment.create_master_runner(host, port)
    except RPCError as error:
        raise LoadTestError(
            f"port {port} cannot be listened on ({error}); choose another with --master-port"
        ) from error
    bench.gathered = Gathered(bench.master)
    try:
        wait_for_workers(bench.master, count, bench.stop)
        yield
        bench.master.quit()
    finally:
        bench.master.server.close()
        bench.master = bench.gathered = None


def _let_connections_close() -> None:
    """Let gevent close what the users closed: it does so in the next pass of its loop, and where the users had taken
    every file that may be open, nothing could be written before. Two timers have a whole pass between them.
    """
    for _ in range(2):
        gevent.sleep(0.001)


def _rates(one: Measurement, load: Load) -> dict[str, float]:
    if not load.rate:
        return {}
    return {
        "rate": round(load.rate, 3),
        "offered": round(one.requests / load.seconds, 3),
        "achieved": round(one.right / load.seconds, 3),
    }


def _raise_mistakes(runner: Runner) -> None:
    for mistake in runner.exceptions.values():
        if not mistake["traceback"]:  # a user gave up
            raise LoadTestError(mistake["msg"])
        raise RuntimeError(
            f"{mistake['msg']}\n{mistake['traceback']}"
        )  # a mistake in our own code, which Locust would only log
