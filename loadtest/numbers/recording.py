"""What one measurement keeps: response times as an HDR histogram in microseconds, and what went wrong by kind."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hdrh.histogram import HdrHistogram
from pydantic import BaseModel, ConfigDict

from loadtest.ask.answer import LATE

LONGEST = 600_000_000  # ten minutes, in µs: no answer is waited for as long
DIGITS = 3  # a bucket is at most 0.1 % wide, and 1 µs up to 2 ms
EXAMPLES = 3  # of each kind of failure


def empty_histogram() -> HdrHistogram:
    """Return a histogram that every other one can be added to."""
    return HdrHistogram(1, LONGEST, DIGITS)


class Kept(BaseModel):
    """A part of what a run keeps; what a file holds beyond what we know stays in it."""

    model_config = ConfigDict(extra="allow", validate_assignment=True)


class Generator(Kept):
    """What the generator spent on one measurement: the share of its core, the largest where several processes sent."""

    cpu_share: float = 0.0
    processes: int = 1


class Disturbance(Kept):
    """What the machine did meanwhile, as shares of all cores' time."""

    busy_share: float = 0.0
    steal_share: float = 0.0
    load_average_after: list[float] = []


class Measurement(Kept):
    """The counts of one measurement: response times and lateness as encoded histograms, failures by kind with a few
    examples.

    `rate`, `offered` and `achieved` are requests a second of an open loop: asked for, started, answered rightly.
    """

    requests: int = 0
    right: int = 0
    right_texts: int = 0
    texts_per_second: float | None = None
    failures: dict[str, int] = {}
    failure_examples: dict[str, list[str]] = {}
    batch_flips: int = 0
    histogram: str = ""
    lateness: str | None = None
    no_connection: int = 0
    generator: Generator = Generator()
    seconds: float = 0.0
    disturbance: Disturbance = Disturbance()
    rate: float | None = None
    offered: float | None = None
    achieved: float | None = None


@dataclass(slots=True)
class Span:
    """From one user's first right answer to its last, and the texts of all but the first."""

    first_ns: int
    last_ns: int
    texts: int = 0


class Recording:
    """Counts of one measurement; the histogram holds right answers and, at the time waited, late ones.

    `lateness` says, for an open loop, how long after its intended start each request was sent though a connection was
    free: the generator's own fault.

    Late answers stay in: leaving them out would make a service look faster the slower it is. Answers that are wrong in
    another way say nothing about the speed of right ones, and are only counted.
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
        self,
        nanoseconds: int,
        failure: str | None = None,
        detail: str = "",
        *,
        texts: int = 1,
        batch_flips: int = 0,
        moment: int = 0,
        user: str = "",
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
        if failure in (None, LATE):
            self.histogram.record_value(_microseconds(nanoseconds))

    def measurement(self, generator: Generator | None = None) -> Measurement:
        """Return the counts as result.json keeps them."""
        late = bool(self.lateness.get_total_count() or self.no_connection)
        return Measurement(
            requests=self.requests,
            right=self.right,
            right_texts=self.right_texts,
            texts_per_second=self._texts_per_second(),
            failures=dict(self.failures),
            failure_examples=self.examples,
            batch_flips=self.batch_flips,
            histogram=encoded(self.histogram),
            lateness=encoded(self.lateness) if late else None,
            no_connection=self.no_connection,
            generator=generator or Generator(),
        )

    def _texts_per_second(self) -> float | None:
        """Count from each user's first answer to its last: at a few large requests, the edges of a window would cut off
        whole ones.

        Users that are answered together would, as one row of answers, lose more than the first: their rates are added
        up.
        """
        spans = self.spans.values()
        if not spans or any(span.last_ns == span.first_ns for span in spans):
            return None
        return round(sum(span.texts * 1e9 / (span.last_ns - span.first_ns) for span in spans), 3)


def add_up(parts: Sequence[Measurement]) -> Measurement:
    """Add what several generator processes recorded of one measurement."""
    failures: Counter[str] = Counter()
    examples: dict[str, list[str]] = {}
    for one in parts:
        failures.update(one.failures)
        for kind, those in one.failure_examples.items():
            examples.setdefault(kind, []).extend(those[: EXAMPLES - len(examples.get(kind, []))])
    rates = [one.texts_per_second for one in parts]
    known = [rate for rate in rates if rate is not None]
    late = [one.lateness for one in parts if one.lateness]
    return Measurement(
        requests=sum(one.requests for one in parts),
        right=sum(one.right for one in parts),
        right_texts=sum(one.right_texts for one in parts),
        texts_per_second=round(sum(known), 3) if len(known) == len(rates) else None,
        failures=dict(failures),
        failure_examples=examples,
        batch_flips=sum(one.batch_flips for one in parts),
        histogram=encoded(merged(one.histogram for one in parts)),
        lateness=encoded(merged(late)) if late else None,
        no_connection=sum(one.no_connection for one in parts),
        generator=Generator(cpu_share=max(one.generator.cpu_share for one in parts), processes=len(parts)),
    )


def merged(histograms: Iterable[str]) -> HdrHistogram:
    """Add up encoded histograms."""
    total = empty_histogram()
    for histogram in histograms:
        if histogram:
            total.decode_and_add(histogram)
    return total


def encoded(histogram: HdrHistogram) -> str:
    """Return a histogram as text."""
    text: str = histogram.encode().decode("ascii")
    return text


def _microseconds(nanoseconds: int) -> int:
    # Outside its range a histogram drops a value without a word.
    return min(max(round(nanoseconds / 1000), 1), LONGEST)
