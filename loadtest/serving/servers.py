"""The servers that are compared: how each is started, and where it answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from loadtest.errors import LoadTestError

HOST = "127.0.0.1"
IN_PROCESS = "in_process"  # has its turn as the servers have, and is none
OURS, OURS_2, AGAIN = "ours", "ours2", "ours_again"
BONSAI = ("bentoml", "serve", "service.service:bonsai", "--host", HOST, "--port", "{port}")
STOCK = ("bentoml", "serve", "loadtest.peers.stock_bentoml:Stock", "--host", HOST, "--port", "{port}")
UVICORN = (
    *("uvicorn", "--host", HOST, "--port", "{port}", "--loop", "uvloop", "--http", "httptools"),
    *("--no-access-log", "--log-level", "warning"),
)
FASTAPI = (*UVICORN, "loadtest.peers.fastapi:app")
LITSERVE = ("python", "-m", "loadtest.peers.litserve", "{port}")
MOSEC = ("python", "-m", "loadtest.peers.mosec", "--address", HOST, "--port", "{port}")
TWO = {"PEER_WORKERS": "2"}


@dataclass(frozen=True, slots=True)
class Server:
    """What it is, the command with a place for the port, its route and environment; `apart`: in the peers' environment.

    One without answers of its own is no peer, and its answers are not looked at.
    """

    says: str
    command: Sequence[str]
    path: str = "/predict"
    environment: dict[str, str] = field(default_factory=dict)
    apart: bool = True
    answers: bool = True


def _bonsai(says: str, workers: int) -> Server:
    return Server(says, BONSAI, "/{variant}/predict", {"BONSAI_WORKERS": str(workers)}, apart=False)


SERVERS = {
    OURS: _bonsai("Bonsai, one worker", 1),
    OURS_2: _bonsai("Bonsai, two workers", 2),
    "bentoml": Server("stock BentoML, adaptive batching", STOCK, apart=False),
    "bentoml2": Server("the same, two workers", STOCK, environment=TWO, apart=False),
    "fastapi": Server("FastAPI under uvicorn, `def`", FASTAPI),
    "fastapi2": Server("the same, two workers", (*FASTAPI, "--workers", "2")),
    "fastapi_async": Server("FastAPI under uvicorn, `async def`", FASTAPI, "/predict_async"),
    "fastapi_async2": Server("the same, two workers", (*FASTAPI, "--workers", "2"), "/predict_async"),
    # Half a round away from what it is compared with, as most peers are: what drifts within a round shows in it.
    AGAIN: _bonsai("Bonsai, one worker, a second time: the A/A control", 1),
    "litserve": Server("LitServe, batches of 32", LITSERVE),
    "litserve2": Server("the same, two workers", LITSERVE, environment=TWO),
    "mosec": Server("mosec, batches of 32", MOSEC, "/inference"),
    "mosec2": Server("the same, two workers", MOSEC, "/inference", TWO),
    "noop": Server(
        "uvicorn with two bytes for an answer", (*UVICORN, "loadtest.peers.noop:app"), apart=False, answers=False
    ),
}


def choose(names: Sequence[str]) -> dict[str, Server]:
    """Return those of the names that are servers (LoadTestError for one that there is not, or a second time)."""
    for place, name in enumerate(names):
        if name not in SERVERS and name != IN_PROCESS:
            raise LoadTestError(f"there is no server '{name}'; expected some of {', '.join(SERVERS)}, {IN_PROCESS}")
        if name in names[:place]:
            raise LoadTestError(f"server '{name}' was named twice; expected each once")
    return {name: SERVERS[name] for name in names if name != IN_PROCESS}
