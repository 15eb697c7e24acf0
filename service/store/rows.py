"""What is recorded, as plain values, and what came of feedback."""

from enum import StrEnum
from typing import NamedTuple


class Served(NamedTuple):
    """The answer to one text of a request: `ms` and `status` are the request's, which is counted by its `first` text.
    `unit` is 16 hex digits, or empty where every request is a unit of its own. One that a caller forced (`override`) is
    kept, and counted nowhere: what callers choose compares no arms. The fields up to `first` are the columns of its
    table, in their order.
    """

    id: str
    experiment: str
    revision: int
    arm: str
    version: str
    unit: str
    at: float
    label: str | None
    score: float | None
    ms: float
    status: int
    override: bool = False
    first: bool = True
    text: str | None = None
    expires: float | None = None


def has_failed(status: int) -> bool:
    """Tell whether a status says that the service did not answer: it broke, was overloaded or too slow for the request,
    or for its caller, who left.
    """
    return status >= 500 or status in (413, 429, 499)


class Shadow(NamedTuple):
    """What `arm` says unseen to a text that the arm `served` answered."""

    prediction_id: str
    experiment: str
    revision: int
    served: str
    served_label: str
    served_score: float
    served_ms: float
    arm: str
    version: str
    label: str
    score: float
    ms: float
    at: float


class Truth(NamedTuple):
    """Feedback: the true label of a prediction, and a number of the business where one was sent."""

    prediction_id: str
    experiment: str
    revision: int
    arm: str
    label: str
    truth: str
    metric: float | None
    at: float
    served_at: float
    override: bool = False


class Outcome(StrEnum):
    """What came of a Truth: it is new, or the same was there already, or another is and holds."""

    NEW = "new"
    REPEATED = "repeated"
    CONTRADICTS = "contradicts"
