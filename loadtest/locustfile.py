"""`locust -f loadtest/locustfile.py --host http://localhost:3000 --variant int8`: one variant in Locust, with its web page or --headless."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from locust import events
from locust.env import Environment

from loadtest.connection import Address
from loadtest.corpus import check_expected, read_corpus
from loadtest.errors import LoadTestError
from loadtest.options import add_options
from loadtest.percentiles import PERCENTILES, milliseconds
from loadtest.summary import by_kind
from loadtest.target import choose, fetch_cards
from loadtest.users import Recorder, VariantUser

__all__ = ["VariantUser"]  # Locust takes its users from a locustfile's names


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def declare(parser: ArgumentParser, **_: Any) -> None:
    """Add our options to Locust's."""
    add_options(parser)


@events.init.add_listener  # type: ignore[untyped-decorator]
def check(environment: Environment, **_: Any) -> None:
    """Without the web page nothing can be corrected any more: refuse bad options before the first request."""
    options: Any = environment.parsed_options
    if options is None or not options.headless or options.worker:
        return
    try:
        address = Address.parse(environment.host or "")
        choose(fetch_cards(address), [options.variant], address)
        check_expected(read_corpus(Path(options.corpus)), [options.variant], Path(options.corpus))
    except LoadTestError as error:
        print(f"error: {error}")
        raise SystemExit(2) from error


@events.init.add_listener  # type: ignore[untyped-decorator]
def print_exact(environment: Environment, **_: Any) -> None:
    """Say the exact percentiles at the end of each test: Locust rounds its own to whole milliseconds below 100 ms."""
    recorder = Recorder(environment.events)
    environment.events.test_start.add_listener(lambda **_: recorder.open())

    def on_stop(**_: Any) -> None:
        recording = recorder.recording
        if recording is not None and recording.requests:
            figures = [(q, milliseconds(recording.histogram, q)) for q in PERCENTILES]
            times = ", ".join(f"p{q:g} {value:.3f} ms" for q, value in figures if value is not None)
            wrong = f"failures: {by_kind(recording.failures)}; batch flips: {recording.batch_flips:,}"
            print(f"exact, from {recording.right:,} right answers: {times or 'too few for percentiles'}; {wrong}")

    environment.events.test_stop.add_listener(on_stop)
