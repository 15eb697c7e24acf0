"""What a comparison of servers leaves: its conditions and every round, in one JSON file that all tables come from."""

import json
from pathlib import Path

from pydantic import Field, ValidationError

from loadtest.errors import LoadTestError
from loadtest.numbers.files import write_json
from loadtest.numbers.recording import Disturbance, Kept
from loadtest.numbers.result import Machine, first_problem

SCHEMA = 1
REFUSED_SHARE = 0.01  # of the requests; refusals are quick, so the times beside more of them say nothing


class Figures(Kept):
    """What one server did at one point in one round: times in milliseconds as wrk has them, CPU time in seconds.

    `refused` are answers with a status of 400 or above, `errors` what had no answer, by kind; `statuses` counts answers
    where the script does.
    """

    requests: int
    seconds: float
    refused: int = 0
    errors: dict[str, int] = Field(default_factory=dict)
    statuses: dict[str, int] | None = None
    mean_ms: float | None = None
    p50_ms: float | None = None
    p90_ms: float | None = None
    p99_ms: float | None = None
    p999_ms: float | None = None
    server_cpu_s: float | None = None
    wrk_cpu_s: float | None = None

    @property
    def per_second(self) -> float:
        """Return the rate of answers that were no refusals."""
        return (self.requests - self.refused) / self.seconds

    @property
    def cpu_s_per_1000(self) -> float | None:
        """Return the server's CPU seconds for a thousand answers."""
        return _per_1000(self.server_cpu_s, self.requests)

    @property
    def wrk_cpu_s_per_1000(self) -> float | None:
        """Return wrk's."""
        return _per_1000(self.wrk_cpu_s, self.requests)

    @property
    def failed(self) -> int:
        """Return the requests that were refused or had no answer."""
        return self.refused + sum(self.errors.values())

    @property
    def is_timed(self) -> bool:
        """Tell whether the times are those of right answers."""
        return self.requests > 0 and self.refused <= REFUSED_SHARE * self.requests


def _per_1000(seconds: float | None, requests: int) -> float | None:
    return 1000 * seconds / requests if seconds is not None and requests else None


class Round(Kept):
    """One turn of every server, by point, and of the predictor without one, by texts x processes."""

    order: list[str]
    servers: dict[str, dict[str, Figures]] = Field(default_factory=dict)
    in_process: dict[str, Figures] = Field(default_factory=dict)
    disturbance: Disturbance = Disturbance()


class Texts(Kept):
    """What was asked: so many texts of a build, with the hash of all of them."""

    texts: int
    sha256: str
    build: str | None = None


class Options(Kept):
    """What was asked for."""

    variant: str
    servers: list[str]
    points: list[str]
    rounds: int
    seconds: int
    warm_up: int
    seed: int


class Conditions(Kept):
    """On what, when and with which versions it was measured; `peers`: those of the peers' environment."""

    date: str
    machine: Machine
    system: str
    python: str
    commit: str | None = None
    wrk: str
    libraries: dict[str, str]
    peers: dict[str, str] = Field(default_factory=dict)
    corpus: Texts


class Result(Kept):
    """All of it; `left_out` says why of each server that did not start."""

    schema_version: int = SCHEMA
    complete: bool = False
    conditions: Conditions
    options: Options
    rounds: list[Round] = Field(default_factory=list)
    left_out: dict[str, str] = Field(default_factory=dict)


def write_result(file: Path, result: Result) -> None:
    """Write the result, whole or not at all."""
    write_json(file, result.model_dump(exclude_none=True))


def read_result(file: Path) -> Result:
    """Read a stored result (LoadTestError)."""
    help_ = "'python -m loadtest.serving' makes one"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise LoadTestError(f"'{file}' cannot be read ({error.strerror}); {help_}") from error
    except ValueError as error:
        raise LoadTestError(f"'{file}' is not JSON ({error}); {help_}") from error
    try:
        result = Result.model_validate(content)
    except ValidationError as error:
        raise LoadTestError(f"'{file}' is no comparison of servers ({first_problem(error)}); {help_}") from error
    if result.schema_version > SCHEMA:
        raise LoadTestError(
            f"'{file}' has schema version {result.schema_version}, this code reads up to {SCHEMA}; draw it with the "
            "version that measured it"
        )
    return result
