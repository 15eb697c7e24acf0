"""`locust -f loadtest/locustfile.py --host http://localhost:3000 --variant int8`: the variants in Locust, with its web
page or --headless.

Without --rate the loop is closed: each user sends when its last answer came.
With --rate it is open: each user is a Poisson source of that many requests a second.
"""

import sys
from argparse import ArgumentParser
from typing import Any

from locust import events
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from loadtest.ask.arrivals import Bursts
from loadtest.ask.options import add_options
from loadtest.ask.traffic import Traffic, mix
from loadtest.errors import LoadTestError
from loadtest.numbers.percentiles import PERCENTILES, milliseconds
from loadtest.numbers.recording import Measurement, merged
from loadtest.numbers.text import by_kind
from loadtest.users.address import Address
from loadtest.users.closed_loop import ClosedLoopUser
from loadtest.users.open_loop import OpenLoopUser
from loadtest.users.recorder import Recorder
from loadtest.users.target import choose, fetch_cards, versions
from loadtest.users.workers import Gathered, report_recordings

__all__ = ["ClosedLoopUser", "OpenLoopUser"]  # Locust takes its users from a locustfile's names


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def declare(parser: ArgumentParser, **_: Any) -> None:
    """Add our options to Locust's."""
    add_options(parser)


@events.init.add_listener  # type: ignore[untyped-decorator]
def check(environment: Environment, **_: Any) -> None:
    """Without the web page nothing can be corrected any more: refuse bad options before the first request."""
    options: Any = environment.parsed_options
    if options is None or not options.headless or isinstance(environment.runner, WorkerRunner):
        return
    try:
        address = Address.parse(environment.host or "")
        variants = list(mix(options.mix)) if options.mix else [options.variant]
        cards = choose(fetch_cards(address), variants, address)
        traffic = Traffic(options.corpus, options.texts_file, options.lengths, not options.no_labels)
        traffic.questions(variants)
        Bursts.parse(options.bursts)
        traffic.check_build(versions(cards))
    except LoadTestError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from error


@events.init.add_listener  # type: ignore[untyped-decorator]
def choose_loop(environment: Environment, **_: Any) -> None:
    """Let --rate choose the user, now and when the web page changed it, unless the command line named one."""
    both = {ClosedLoopUser, OpenLoopUser}
    if isinstance(environment.runner, WorkerRunner) or set(environment.user_classes) != both:
        return

    def choose(**_: Any) -> None:
        options: Any = environment.parsed_options
        environment.user_classes[:] = [OpenLoopUser if options.rate else ClosedLoopUser]

    choose()
    environment.events.test_start.add_listener(choose)


@events.init.add_listener  # type: ignore[untyped-decorator]
def print_exact(environment: Environment, **_: Any) -> None:
    """Say the exact percentiles at the end of each test: Locust rounds its own to whole milliseconds below 100 ms."""
    recorder = Recorder(environment)
    if isinstance(environment.runner, WorkerRunner):
        report_recordings(environment, recorder)
        return
    if isinstance(environment.runner, MasterRunner):
        Gathered(environment.runner, _say)
        return
    environment.events.test_stop.add_listener(lambda **_: _say(recorder.measurements()))


def _say(recorded: dict[str, Measurement]) -> None:
    for name, one in recorded.items():
        print(f"{name}: {_exact(one)}")


def _exact(one: Measurement) -> str:
    histogram = merged([one.histogram])
    figures = [(q, milliseconds(histogram, q)) for q in PERCENTILES]
    times = ", ".join(f"p{q:g} {value:.3f} ms" for q, value in figures if value is not None)
    wrong = f"failures: {by_kind(one.failures)}; batch flips: {one.batch_flips:,}"
    late = ""
    if one.lateness and (p99 := milliseconds(merged([one.lateness]), 99.0)) is not None:
        late = f"; the generator sent 99 % within {p99:.3f} ms of the intended start"
    return f"exact, from {one.right:,} right answers: {times or 'too few for percentiles'}; {wrong}{late}"
