"""A real service that keeps experiments: two workers over the tiny build, one store."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.service.conftest import PATIENT, ROOT, serving, until
from tests.service.serving.test_operation import one_by_one
from tests.service.serving.test_service import call

KEY = "a key of sixteen+".replace(" ", "-")
ADMIN = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
JSON = {"Content-Type": "application/json"}
OVERRIDE = {"X-Bonsai-Variant": "int8"}


class Lab:
    """What a test asks of a service at an address."""

    def __init__(self, host: str, database: Path) -> None:
        self.host, self.database = host, f"sqlite:///{database}"

    def admin(self, path: str, content: object = None, method: str | None = None) -> tuple[int, Any]:
        body = None if content is None else json.dumps(content).encode()
        return call(f"{self.host}{path}", body, method, ADMIN)[:2]

    def start(self, name: str, *, waits: bool = True, override: bool = True, **changes: Any) -> dict[str, Any]:
        """Start an experiment of teacher and int8, once no other one runs, and wait until all workers know, which are
        asked with an override: that is counted nowhere.
        """
        for each in self.admin("/experiments")[1]["experiments"]:
            if each["state"] != "ended":
                assert self.admin(f"/experiments/{each['name']}/end", {})[0] == 200
        arms = [{"variant": "teacher", "weight": 0.5}, {"variant": "int8", "weight": 0.5}]
        definition = {"name": name, "control": "teacher", "arms": arms, "unit": {"header": "X-User-Id"}, **changes}
        status, answer = self.admin("/experiments", {**definition, "override": override})
        assert status == 201, answer
        if waits and override:
            self.await_workers(lambda: self.ask(headers=OVERRIDE)[1].get("experiment") == name)
        return answer  # type: ignore[no-any-return]

    def await_workers(self, holds: Callable[[], object]) -> None:
        """Wait until it is so whichever worker is asked: each looks at the store by itself."""
        for _ in one_by_one(self.host):
            until(holds)

    def ask(self, unit: str = "", texts: tuple[str, ...] = ("where is my parcel",), **more: Any) -> Any:
        headers = {**JSON, **({"X-User-Id": unit} if unit else {}), **more.pop("headers", {})}
        return call(f"{self.host}/predict", json.dumps({"texts": texts, **more}).encode(), headers=headers)

    def tell(self, *given: dict[str, Any]) -> tuple[int, Any]:
        return call(f"{self.host}/feedback", json.dumps(given).encode())[:2]

    def report(self, name: str) -> dict[str, Any]:
        status, answer = self.admin(f"/experiments/{name}")
        assert status == 200, answer
        return answer  # type: ignore[no-any-return]

    def await_report(self, name: str, holds: Callable[[dict[str, Any]], bool], seconds: float = 60) -> dict[str, Any]:
        """Return the report once it is so; rows are written soon, not at once."""
        end = time.monotonic() + seconds
        while not holds(found := self.report(name)):
            assert time.monotonic() < end, found
            time.sleep(0.1)
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
        **PATIENT,
    }
    bentoml = Path(sys.executable).with_name("bentoml")
    with serving("service.service:bonsai", ROOT, environment, bentoml, folder / "log.txt") as host:
        yield Lab(host, folder / "lab.sqlite")


def arm(report: dict[str, Any], variant: str = "int8") -> dict[str, Any]:
    """One arm's figures."""
    return next(each for each in report["arms"] if each["variant"] == variant)
