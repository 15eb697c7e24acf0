"""What a route is given and what it gives back, whatever speaks HTTP around it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from models.runtime.card import Card
from models.runtime.classifier import Prediction, Spent
from service.builds.builds import Builds
from service.experiments.experiments import Experiments
from service.keys.keys import Key
from service.keys.watched import WatchedKeys
from service.variants.generations import Generations
from service.variants.registry import Loaded, Registry

MOST_TIMEOUT_MS = 999_999_999  # that a client may ask for; beyond the service's own limit it means nothing

NO_SCOPE: Mapping[str, Any] = MappingProxyType({})

Finish = Callable[[list[Prediction]], Any]
Gone = Callable[[], Awaitable[object]]  # returns when the client has gone away


class Times(Spent):
    """Seconds of one request: waiting for its turn, tokenizing, the model, and making the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = self.encode = 0.0

    def header(self) -> str:
        """Return them as the value of a Server-Timing header, in milliseconds (W3C Server Timing)."""
        names = ("queue", "tokenize", "infer", "encode")
        return ", ".join(f"{name};dur={getattr(self, name) * 1000:.3f}" for name in names)


class Run(Protocol):
    """The row queue, as the routes know it."""

    async def __call__(
        self,
        loaded: Loaded,
        texts: Sequence[str],
        top_k: int,
        deadline: float,
        finish: Finish,
        times: Times | None = None,
        gone: Gone | None = None,
    ) -> Any: ...


class Request:
    """One request with its whole body; a route notes in it what there is to count."""

    __slots__ = (
        "began", "body", "card", "deadline", "gone", "headers", "id", "key", "method", "scope", "texts", "times",
    )  # fmt: skip

    def __init__(
        self,
        method: str,
        headers: dict[bytes, str],
        body: bytes,
        id: str,
        began: float,
        deadline: float,
        times: Times | None = None,
        gone: Gone | None = None,
    ) -> None:
        """`began` and `deadline` are times of time.monotonic()."""
        self.method, self.headers, self.body, self.id = method, headers, body, id
        self.began, self.deadline, self.times, self.gone = began, deadline, times, gone
        self.card: Card | None = None
        self.key: Key | None = None  # who asks, where the service has keys
        self.texts = 0
        self.scope: Mapping[str, Any] = NO_SCOPE  # ASGI's, where it came that way


class Answer(NamedTuple):
    """An answer's body, and what stands before it; `stream` is a body that comes piece by piece."""

    body: bytes
    media_type: str = "application/json"
    headers: Mapping[str, str] = MappingProxyType({})
    status: int = 200
    stream: AsyncIterator[bytes] | None = None


class Service(NamedTuple):
    """What routes answer from; the last load test is the first of these files that is there."""

    registry: Registry
    run: Run
    experiments: Experiments
    load_tests: Sequence[Path] = ()
    builds: Builds = Builds()
    generations: Generations = Generations()
    keys: WatchedKeys | None = None


Handler = Callable[..., Awaitable[Answer]]  # request, service and what stands in the path
