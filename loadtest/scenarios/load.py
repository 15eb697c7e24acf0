"""What a scenario asks of the bench, and nothing of how Locust does it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, Self

from loadtest.ask.options import TIMEOUT
from loadtest.numbers.recording import Measurement


@dataclass(frozen=True)
class Load:
    """How hard and how long: a closed loop of `users`, or an open loop of `rate` requests a second; `texts` in each
    request.
    """

    warm_up: float
    seconds: float
    users: int = 1
    texts: int = 1
    rate: float = 0.0
    timeout: float = TIMEOUT


class Bench(Protocol):
    """What can put a load on the service."""

    def measure(
        self, variants: Mapping[str, float], versions: Mapping[str, str], load: Load, seed: str
    ) -> dict[str, Measurement] | None:
        """Put the load on variants, by weight, and return what each of them gave; None when the run was stopped before
        the end.
        """

    def at_the_other_service(self, *, labels: bool) -> Self:
        """Return the same for the service that this one is compared with."""

    def alive(self) -> bool:
        """Say whether the service still answers."""
