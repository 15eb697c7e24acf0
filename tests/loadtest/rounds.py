"""Rounds made up for a test, without a service."""

from collections.abc import Mapping
from typing import Any

from loadtest.numbers.recording import Recording
from loadtest.numbers.result import Round


def recorded(times: Mapping[float, int]) -> Recording:
    """A recording of so many right answers at each of these times in ms."""
    recording = Recording()
    for time, count in times.items():
        if count:
            recording.add(round(1e6 * time))
            recording.histogram.record_value(
                max(round(1000 * time), 1), count - 1
            )  # at once: a thousand of them take a millisecond otherwise
            recording.requests += count - 1
            recording.right += count - 1
            recording.right_texts += count - 1
    return recording


def round_of(times: Mapping[float, int], number: int = 1, **fields: Any) -> Round:
    """A round of one second with such answers."""
    return Round(**{"round": number, **recorded(times).measurement().model_dump(), "seconds": 1.0, **fields})


def rounds_of(times: Mapping[float, int], count: int = 3, **fields: Any) -> list[Round]:
    """So many equal rounds."""
    return [round_of(times, number, **fields) for number in range(1, count + 1)]
