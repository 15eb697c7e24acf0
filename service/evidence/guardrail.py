"""Guardrails: whether a share or a ratio is beyond its limit, whenever one looks."""

from typing import Protocol


class Bounded(Protocol):
    """Whatever has a confidence sequence: `Bounds` of a share, `Ratio` of two means."""

    @property
    def low(self) -> float:
        """The lower bound."""

    @property
    def high(self) -> float:
        """The upper bound."""


def exceeds(found: Bounded | None, most: float) -> bool:
    """Return whether all of the interval lies above the limit; nothing is known of None."""
    return found is not None and found.low >= most


def falls_short(found: Bounded | None, least: float) -> bool:
    """Return whether all of the interval lies below the limit; nothing is known of None."""
    return found is not None and found.high <= least
