"""A variant's figures under one scenario: what the tables, the pictures and the page have in common."""

from dataclasses import dataclass

from loadtest.numbers.intervals import Interval


@dataclass(frozen=True)
class Search:
    """The highest rate that the search passed, the lowest that was too much, and whether the rounds, at `rate`, kept to
    the limit (None: undecided).

    `p99_alone_ms` is there where one request after another is above the limit already.
    """

    passed: float
    failed: float | None
    rate: float
    limit_ms: float
    confirmed: bool | None
    given_up: list[float]
    p99_alone_ms: float | None

    @property
    def promised(self) -> float | None:
        """Return the rate that the rounds confirmed."""
        return self.rate if self.confirmed else None


@dataclass(frozen=True)
class Summary:
    """One variant under one scenario; times in milliseconds, None where the count cannot carry them, each with its 95 %
    interval over rounds.

    A percentile is the mean of the rounds' own; it is that of all answers together, and has no interval, where a round
    alone cannot carry it.
    """

    name: str
    version: str
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    verdict: str | None
    withheld: str | None
    bytes: int
    requests: int
    answers: int
    mean: float | None
    times: dict[float, float | None]
    intervals: dict[float, Interval | None]
    rate: float | None
    rates: Interval | None
    ratio: Interval | None
    search: Search | None
    cost: float | None
    failures: dict[str, int]
    batch_flips: int
