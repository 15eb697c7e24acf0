"""A request that gets no answer: its status and its one sentence."""

import math

import orjson

from models.runtime.errors import BonsaiError
from service.builds import errors as builds
from service.experiments.errors import Conflict, Invalid, Late, NotAllowed, Off, UnknownArm, UnknownExperiment
from service.store.errors import Changed, StoreError
from service.variants.errors import (
    Disconnected,
    Failed,
    Overloaded,
    TooLate,
    TooManyLabels,
    TooMuchAtOnce,
    UnknownVariant,
    VariantError,
)


class Refused(Exception):
    """A request that gets no prediction: HTTP status, one sentence, and headers such as Retry-After."""

    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    @property
    def body(self) -> bytes:
        """The answer's body: JSON with the sentence."""
        return orjson.dumps({"error": self.sentence.encode("utf-8", "replace").decode()})


def refused_experiment(problem: BonsaiError) -> Refused:
    """Return the refusal with which a route answers what experiments, or their store, cannot do."""
    match problem:
        case NotAllowed():
            return Refused(403, str(problem))
        case UnknownArm() | UnknownExperiment() | Off():
            return Refused(404, str(problem))
        case Conflict() | Changed():
            return Refused(409, str(problem))
        case Late():
            return Refused(410, str(problem))
        case Invalid():
            return Refused(400, str(problem))
        case StoreError():
            return Refused(503, str(problem), Retry_After="1")
    raise problem


def refused_build(problem: builds.BuildError) -> Refused:
    """Return the refusal with which a route answers what no build, or no unloading, can be made of."""
    match problem:
        case builds.NotAccepted():
            return Refused(400, str(problem))
        case builds.UnknownBuild():
            return Refused(404, str(problem))
        case builds.Conflict():
            return Refused(409, str(problem))
        case builds.Full():
            return Refused(429, str(problem), Retry_After="30")
        case builds.Unable():
            return Refused(501, str(problem))
        case builds.NotKept():
            return Refused(503, str(problem), Retry_After="60")
        case builds.NoRoom():
            return Refused(507, str(problem))
    raise problem


def refusal(problem: VariantError) -> Refused:
    """Return the refusal with which a route answers what a variant cannot do."""
    match problem:
        case UnknownVariant():
            return Refused(404, str(problem))
        case TooManyLabels():
            return Refused(400, str(problem))
        case TooMuchAtOnce():
            return Refused(413, str(problem))
        case Overloaded():
            return Refused(429, str(problem), Retry_After=str(max(1, math.ceil(problem.seconds))))
        case TooLate():
            return Refused(503, str(problem), Retry_After="1")
        case Disconnected():
            return Refused(499, str(problem))  # counted; nobody reads it
        case Failed():
            return Refused(500, str(problem))
    raise problem
