"""A real service that keeps experiments: two workers over the tiny build, one store."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.service.conftest import ROOT, serving
from tests.service.serving.test_service import call

KEY = "a key of sixteen+".replace(" ", "-")
ADMIN = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
JSON = {"Content-Type": "application/json"}
SETTLED_S = 2.0


class Lab:
    """What a test asks of a service at an address."""

    def __init__(self, host: str, database: Path) -> None:
        self.host, self.database = host, f"sqlite:///{database}"

    def admin(self, path: str, content: object = None, method: str | None = None) -> tuple[int, Any]:
        body = None if content is None else json.dumps(content).encode()
        return call(f"{self.host}{path}", body, method, ADMIN)[:2]

    def start(self, name: str, *, wait: float = 2.0, **changes: Any) -> dict[str, Any]:
        """Start an experiment of teacher and int8, once no other one runs, and wait until both workers know."""
        for each in self.admin("/experiments")[1]["experiments"]:
            if each["state"] != "ended":
                assert self.admin(f"/experiments/{each['name']}/end", {})[0] == 200
        arms = [{"variant": "teacher", "weight": 0.5}, {"variant": "int8", "weight": 0.5}]
        definition = {"name": name, "control": "teacher", "arms": arms, "unit": {"header": "X-User-Id"}, **changes}
        status, answer = self.admin("/experiments", definition)
        assert status == 201, answer
        time.sleep(wait)  # the other worker knows within a second, or a little later beside other tests
        return answer  # type: ignore[no-any-return]

    def ask(self, unit: str = "", texts: tuple[str, ...] = ("where is my parcel",), **more: Any) -> Any:
        headers = {**JSON, **({"X-User-Id": unit} if unit else {}), **more.pop("headers", {})}
        return call(f"{self.host}/predict", json.dumps({"texts": texts, **more}).encode(), headers=headers)

    def tell(self, *given: dict[str, Any]) -> tuple[int, Any]:
        return call(f"{self.host}/feedback", json.dumps(given).encode())[:2]

    def report(self, name: str) -> dict[str, Any]:
        status, answer = self.admin(f"/experiments/{name}")
        assert status == 200, answer
        return answer  # type: ignore[no-any-return]

    def await_report(self, name: str, holds: Callable[[dict[str, Any]], bool], seconds: float = 20) -> dict[str, Any]:
        """Return the report once it is so; rows are written soon, not at once."""
        until = time.monotonic() + seconds
        while not holds(found := self.report(name)):
            assert time.monotonic() < until, found
            time.sleep(0.1)
        return found

    def await_settled(self, name: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the report once it is so and no row comes any more: shadows wait for a free processor."""
        found = self.await_report(name, holds)
        while True:
            time.sleep(SETTLED_S)
            before, found = found, self.report(name)
            if found["arms"] == before["arms"]:
                return found


@pytest.fixture(scope="session")
def lab(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A service with a store of its own."""
    folder = tmp_path_factory.mktemp("lab")
    environment = {
        "BONSAI_VARIANTS": str(built),
        "BONSAI_WORKERS": "2",
        "BONSAI_ADMIN_KEY": KEY,
        "BONSAI_DATABASE_URL": f"sqlite:///{folder / 'lab.sqlite'}",
    }
    bentoml = Path(sys.executable).with_name("bentoml")
    with serving("service.service:bonsai", ROOT, environment, bentoml, folder / "log.txt") as host:
        yield Lab(host, folder / "lab.sqlite")


def arm(report: dict[str, Any], variant: str = "int8") -> dict[str, Any]:
    """One arm's figures."""
    return next(each for each in report["arms"] if each["variant"] == variant)
