"""result.json, the one file that a run leaves and that every table, picture and page is drawn from, as models.

Files of before there were versions have none, count as version 0 and are read all the same: what they lack has a
default.
"""

from pydantic import Field, ValidationError

from loadtest.errors import LoadTestError
from loadtest.numbers.recording import Disturbance, Kept, Measurement

SCHEMA = 1
CONTROL = "(control)"  # the baseline measured a second time, which no variant can be called


def first_problem(error: ValidationError) -> str:
    """Return in a few words where the first thing is that a model could not read, and what is wrong with it."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else str(first["msg"])


class Repeat(Measurement):
    """What a round, or its repeat, had measured that was not kept, and why it was measured again."""

    why: str = ""
    failure_examples: dict[str, list[str]] = Field(default_factory=dict, exclude=True)  # the variant has them


class Round(Measurement):
    """One measurement of a variant under a scenario: which round, and at which place in its order."""

    round: int = 0
    place: int = 1
    repeats: list[Repeat] = Field(default_factory=list)
    failure_examples: dict[str, list[str]] = Field(default_factory=dict, exclude=True)


class Trial(Measurement):
    """One rate that the search for the highest tried."""

    share_above_limit: float = 0.0
    passed: bool = False
    generator_bound: bool = False
    failure_examples: dict[str, list[str]] = Field(default_factory=dict, exclude=True)


class GivenUp(Kept):
    """A rate that one of its rounds contradicted, and the share of all their answers above the limit."""

    rate: float
    rounds: int = 1
    share_above_limit: float


class Measured(Kept):
    """What a run keeps of one variant under one scenario.

    The rest is Server's: the rates that its search tried, the highest that passed, the lowest that failed (None:
    nothing was too much), the rate of its rounds. `rate` is None until the search has ended; `p99_alone_ms` is there
    where one request after another is above the limit already.
    """

    rounds: list[Round] = Field(default_factory=list)
    search: list[Trial] = Field(default_factory=list)
    given_up: list[GivenUp] = Field(default_factory=list)
    passed: float | None = None
    failed: float | None = None
    rate: float | None = None
    p99_alone_ms: float | None = None


class Estimate(Kept):
    """A share with its 95 % interval."""

    value: float
    low: float
    high: float


class Gate(Kept):
    """What the build's gate said of a variant."""

    verdict: str | None = None
    withheld: str | None = None


class Card(Kept):
    """What the service says of a variant; the reports cannot do without name, version, bytes and accuracy."""

    name: str
    version: str
    bytes: int
    accuracy: Estimate
    kind: str = ""
    gate: Gate | None = None


class Variant(Kept):
    """One variant: what the service served, all its failures with examples, and what every scenario measured."""

    version: str
    card: Card
    failures: dict[str, int] = Field(default_factory=dict)
    failure_examples: dict[str, list[str]] = Field(default_factory=dict)
    batch_flips: int = 0
    scenarios: dict[str, Measured] = Field(default_factory=dict)

    def rounds(self, scenario: str) -> list[Round]:
        """Return the measurements under a scenario, none where it was not measured."""
        return self.scenarios[scenario].rounds if scenario in self.scenarios else []


class Against(Kept):
    """The service that this one was compared with, in turns."""

    host: str
    variants: dict[str, Variant]


class Control(Kept):
    """The baseline, measured a second time in turns like a variant of its own."""

    variant: str
    rounds: list[Round] = Field(default_factory=list)


class Run(Kept):
    """When and how it was measured; a scenario may add what it was told."""

    id: str
    started: str
    finished: str | None = None
    complete: bool
    stopped: str
    quick: bool = False
    rounds: int
    warm_up: float
    seconds: float
    seed: int
    baseline: str
    scenarios: list[str]
    control: Control | None = None
    offline: dict[str, int] | None = None
    mix: dict[str, float] = Field(default_factory=dict)
    limit_rounds: list[Round] = Field(default_factory=list)


class Machine(Kept):
    """The generator's machine."""

    cpu: str
    cores: int | None = None
    usable_cores: int
    memory_bytes: int = 0


class Corpus(Kept):
    """What was asked."""

    path: str
    texts: int
    sha256: str
    labels_checked: bool = True
    build: str | None = None


class Ceiling(Kept):
    """What the generator can do, in requests a second: one user, a closed loop of several, an open loop."""

    single: float
    closed: float
    open: float


class Placement(Kept):
    """On which cores and in how many processes the generator ran, and what it can do."""

    pinned: bool = False
    why: str | None = None
    generator_cores: list[int] | None = None
    server_cores: list[int] | None = None
    processes: int | None = None
    remote: bool = False
    ceiling: Ceiling | None = None


class Conditions(Kept):
    """Under what conditions it was measured."""

    host: str
    same_machine: bool
    date: str
    machine: Machine
    system: str
    python: str
    libraries: dict[str, str]
    commit: str | None = None
    corpus: Corpus
    timeout_seconds: float
    busy_share_before: float = 0.0
    load_average_before: list[float] = Field(default_factory=list)
    price_per_core_hour: float | None = None
    bursts: str = ""
    server_cores: int | None = None
    limit_ms: float | None = None
    limit_from: str | None = None
    generator: Placement | None = None
    disturbance: Disturbance | None = None


class Result(Kept):
    """All of it."""

    schema_version: int = 0
    run: Run
    conditions: Conditions
    variants: dict[str, Variant]
    against: Against | None = None

    def everyone(self) -> dict[str, Variant]:
        """Return the variants by name and, where a second service was measured beside, its own under a name that says
        so.
        """
        there = (
            {f"{name} at {self.against.host}": variant for name, variant in self.against.variants.items()}
            if self.against
            else {}
        )
        return {**self.variants, **there}

    def side(self, *, there: bool) -> dict[str, Variant]:
        """Return the variants of this service, or of the other one."""
        if not there:
            return self.variants
        if self.against is None:
            raise LoadTestError("this run has no other service; expected one that was measured with --against")
        return self.against.variants

    def rounds_at(self, scenario: str, name: str, *, there: bool = False) -> list[Round]:
        """Return the list that keeps a variant's rounds of a scenario, or the control's; `there` is the second
        service's.
        """
        if name == CONTROL:
            return self.run.control.rounds if self.run.control else []
        return self.side(there=there)[name].scenarios[scenario].rounds

    def baseline(self, scenario: str) -> list[Round]:
        """Return the baseline's rounds of a scenario."""
        variant = self.variants.get(self.run.baseline)
        return variant.rounds(scenario) if variant else []

    def limit_ms(self) -> float:
        """Return the limit under which a rate counts."""
        if self.conditions.limit_ms is None:
            raise LoadTestError(
                "this run has rates and no limit on their p99; expected conditions.limit_ms in its result.json"
            )
        return self.conditions.limit_ms

    def total_failures(self) -> int:
        """Count the failures of a run, of every variant and kind."""
        return sum(sum(variant.failures.values()) for variant in self.everyone().values())
