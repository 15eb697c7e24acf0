"""A load shape for Locust: `locust -f loadtest/locustfile.py,loadtest/ramp.py --rate 20` adds one user, so 20
requests/s, at every step.
"""

from argparse import ArgumentParser
from typing import Any

from locust import LoadTestShape, events

from loadtest.ask.options import seconds, whole


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def declare(parser: ArgumentParser, **_: Any) -> None:
    """Add the steps to Locust's options."""
    parser.add_argument("--ramp-steps", type=whole, default=10, help="users at the end of the ramp")
    parser.add_argument("--ramp-seconds", type=seconds, default=10.0, help="length of a step of the ramp")


class Ramp(LoadTestShape):  # type: ignore[misc]
    """One user more at every step, then the end."""

    def tick(self) -> tuple[int, float] | None:
        """Return users and spawn rate for this moment."""
        options: Any = self.runner.environment.parsed_options
        step = int(self.get_run_time() / options.ramp_seconds) + 1
        return (step, 1.0) if step <= options.ramp_steps else None
