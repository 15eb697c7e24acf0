"""What one measurement keeps: response times as an HDR histogram in microseconds, and what went wrong by kind."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hdrh.histogram import HdrHistogram

LONGEST = 600_000_000  # ten minutes, in µs: no answer is waited for as long
DIGITS = 3  # a bucket is at most 0.1 % wide, and 1 µs up to 2 ms
EXAMPLES = 3  # of each kind of failure


def empty_histogram() -> HdrHistogram:
    """Return a histogram that every other one can be added to."""
    return HdrHistogram(1, LONGEST, DIGITS)


@dataclass(slots=True)
class Span:
    """From one user's first right answer to its last, and the texts of all but the first."""

    first_ns: int
    last_ns: int
    texts: int = 0


class Recording:
    """Counts of one measurement; the histogram holds right answers and, at the time waited, late ones.

    `lateness` says, for an open loop, how long after its intended start each request was sent though a connection was free: the generator's own fault.

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
        self.lateness = empty_histogram()
        self.no_connection = 0  # starts that had to wait until one of many answers came: the service's fault
        self.spans: dict[str, Span] = {}

    def start(self, late_ns: int, *, waited: bool) -> None:
        """Count how late a request of an open loop was sent."""
        if waited:
            self.no_connection += 1
        else:
            self.lateness.record_value(_microseconds(late_ns))

    def add(
        self, nanoseconds: int, failure: str | None = None, detail: str = "", *, texts: int = 1, batch_flips: int = 0, moment: int = 0, user: str = ""
    ) -> None:
        """Count one answer, or the lack of one; `moment` is when it came, to which user."""
        self.requests += 1
        self.batch_flips += batch_flips
        if failure is None:
            self.right += 1
            self.right_texts += texts
            span = self.spans.get(user)
            if span is None:
                self.spans[user] = Span(moment, moment)
            else:
                span.last_ns, span.texts = moment, span.texts + texts
        else:
            self.failures[failure] += 1
            examples = self.examples.setdefault(failure, [])
            if len(examples) < EXAMPLES:
                examples.append(detail)
        if failure in (None, "late"):
            self.histogram.record_value(_microseconds(nanoseconds))

    def to_json(self) -> dict[str, Any]:
        """Return the counts as result.json keeps them."""
        kept: dict[str, Any] = {
            "requests": self.requests,
            "right": self.right,
            "right_texts": self.right_texts,
            "texts_per_second": self._texts_per_second(),
            "failures": dict(self.failures),
            "failure_examples": self.examples,
            "batch_flips": self.batch_flips,
            "histogram": self.histogram.encode().decode("ascii"),
        }
        if self.lateness.get_total_count() or self.no_connection:
            kept |= {"lateness": self.lateness.encode().decode("ascii"), "no_connection": self.no_connection}
        return kept

    def _texts_per_second(self) -> float | None:
        """Count from each user's first answer to its last: at a few large requests, the edges of a window would cut off whole ones.

        Users that are answered together would, as one row of answers, lose more than the first: their rates are added up.
        """
        spans = self.spans.values()
        if not spans or any(span.last_ns == span.first_ns for span in spans):
            return None
        return round(sum(span.texts * 1e9 / (span.last_ns - span.first_ns) for span in spans), 3)


def add_up(recordings: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Add what several generator processes recorded of one measurement."""
    total = {**recordings[0], "failures": Counter(), "failure_examples": {}}
    for count in ("requests", "right", "right_texts", "batch_flips"):
        total[count] = sum(one[count] for one in recordings)
    rates = [one["texts_per_second"] for one in recordings]
    total["texts_per_second"] = None if None in rates else round(sum(rates), 3)
    for one in recordings:
        total["failures"].update(one["failures"])
        for kind, examples in one["failure_examples"].items():
            total["failure_examples"].setdefault(kind, []).extend(examples[: EXAMPLES - len(total["failure_examples"].get(kind, []))])
    total["failures"] = dict(total["failures"])
    total["histogram"] = _encoded(one["histogram"] for one in recordings)
    if any("lateness" in one for one in recordings):
        total["lateness"] = _encoded(one["lateness"] for one in recordings if "lateness" in one)
        total["no_connection"] = sum(one.get("no_connection", 0) for one in recordings)
    return total


def merged(encoded: Iterable[str]) -> HdrHistogram:
    """Add up encoded histograms."""
    total = empty_histogram()
    for histogram in encoded:
        total.decode_and_add(histogram)
    return total


def _encoded(histograms: Iterable[str]) -> str:
    text: str = merged(histograms).encode().decode("ascii")
    return text


def _microseconds(nanoseconds: int) -> int:
    # Outside its range a histogram drops a value without a word.
    return min(max(round(nanoseconds / 1000), 1), LONGEST)
