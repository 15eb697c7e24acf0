"""What one measurement keeps: response times as an HDR histogram in microseconds, and what went wrong by kind."""

from collections import Counter
from typing import Any

from hdrh.histogram import HdrHistogram

LONGEST = 600_000_000  # ten minutes, in µs: no answer is waited for as long
DIGITS = 3  # a bucket is at most 0.1 % wide, and 1 µs up to 2 ms
EXAMPLES = 3  # of each kind of failure


def empty_histogram() -> HdrHistogram:
    """Return a histogram that every other one can be added to."""
    return HdrHistogram(1, LONGEST, DIGITS)


class Recording:
    """Counts of one measurement; the histogram holds right answers and, at the time waited, late ones.

    Late answers stay in: leaving them out would make a service look faster the slower it is. Answers that are wrong in another way
    say nothing about the speed of right ones, and are only counted.
    """

    def __init__(self) -> None:
        self.histogram = empty_histogram()
        self.requests = 0
        self.right = 0
        self.right_texts = 0
        self.batch_flips = 0
        self.failures: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}

    def add(self, nanoseconds: int, failure: str | None = None, detail: str = "", *, texts: int = 1, batch_flips: int = 0) -> None:
        """Count one answer, or the lack of one."""
        self.requests += 1
        self.batch_flips += batch_flips
        if failure is None:
            self.right += 1
            self.right_texts += texts
        else:
            self.failures[failure] += 1
            examples = self.examples.setdefault(failure, [])
            if len(examples) < EXAMPLES:
                examples.append(detail)
        if failure in (None, "late"):
            self.histogram.record_value(min(max(round(nanoseconds / 1000), 1), LONGEST))

    def to_json(self) -> dict[str, Any]:
        """Return the counts as result.json keeps them."""
        return {
            "requests": self.requests,
            "right": self.right,
            "right_texts": self.right_texts,
            "failures": dict(self.failures),
            "failure_examples": self.examples,
            "batch_flips": self.batch_flips,
            "histogram": self.histogram.encode().decode("ascii"),
        }
