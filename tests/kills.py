"""What a killed worker loses: kill -9 one of two workers again and again while callers predict and give feedback, and
count in the end what was acknowledged and what is stored.

    python -m tests.kills [--kills 50] [--variants variants] [--out service/results/published/kills.json]
"""

import argparse
import json
import random
import secrets
import signal
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from service.store.store import Store
from tests.service.conftest import ROOT, serving

CALLERS = 8
LABELS_AT_ONCE = 3
WITHIN_S = 60.0  # a worker that is not back by then never will be
KEY = secrets.token_hex(16)
HEADERS = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}


class Caller(threading.Thread):
    """Predicts, and gives feedback until it is acknowledged or the connection breaks; then it says it once more."""

    def __init__(self, host: str, number: int, arms: list[str]) -> None:
        super().__init__(daemon=True)
        self.host, self.number, self.arms = host, number, arms
        self.acknowledged: list[str] = []
        self.outcomes: Counter[str] = Counter()
        self.end = threading.Event()

    def run(self) -> None:
        """Until it is told to end."""
        asked = 0
        while not self.end.is_set():
            asked += 1
            answer = self.post(
                "/predict", {"texts": ["where is it"] * LABELS_AT_ONCE, "unit": f"{self.number}.{asked}"}
            )
            if answer is None or "arm" not in answer:
                continue
            ids = [row["prediction_id"] for row in answer["predictions"]]
            given = {"feedback": [{"prediction_id": id, "label": answer["predictions"][0]["label"]} for id in ids]}
            said = None
            for _ in range(20):  # what was not acknowledged is said again, as a client would
                if said is None and not self.end.is_set():
                    said = self.post("/feedback", given)
            if said is not None:
                self.acknowledged += ids
                self.outcomes["new"] += said["accepted"]
                self.outcomes["repeated"] += said["repeated"]

    def post(self, path: str, content: object) -> Any:
        """Return the answer, or None where there was none."""
        request = urllib.request.Request(f"{self.host}{path}", json.dumps(content).encode(), HEADERS)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                self.outcomes[path] += 1
                return json.load(answer)
        except (OSError, urllib.error.URLError, ValueError):
            self.outcomes["broken"] += 1
            time.sleep(0.02)
            return None


def within(what: str, log: Path, seconds: float = WITHIN_S) -> Iterator[None]:
    """Go on until the caller has seen what it waits for; end with a sentence where it does not come."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield
    last = log.read_text(errors="replace").strip().rpartition("\n")[2]
    sys.exit(f"error: {what} after {seconds:.0f} s; expected two that serve; the log ends with: {last or 'nothing'}")


def kill(variants: Path, kills: int, seed: int) -> dict[str, Any]:
    """Return what was acknowledged, and what is stored."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="bonsai-kills-") as place:
        folder = Path(place)
        database = f"sqlite:///{folder / 'experiments.sqlite'}"
        names = list(json.loads((variants / "build.json").read_text())["variants"])[:2]
        environment = {
            "BONSAI_VARIANTS": str(variants.absolute()), "BONSAI_WORKERS": "2", "BONSAI_ADMIN_KEY": KEY,
            "BONSAI_DATABASE_URL": database,
        }  # fmt: skip
        bentoml = Path(sys.executable).with_name("bentoml")
        with serving("service.service:bonsai", ROOT, environment, bentoml, folder / "log.txt") as host:
            arms = [{"variant": name, "weight": 0.5} for name in names]
            first = Caller(host, 0, names)
            assert first.post(
                "/experiments", {"name": "kills", "control": names[0], "arms": arms, "unit": {"field": "unit"}}
            )
            time.sleep(1)
            callers = [Caller(host, number, names) for number in range(CALLERS)]
            for caller in callers:
                caller.start()
            for _ in range(kills):
                for _ in within("a worker that was killed is not back", folder / "log.txt"):
                    time.sleep(chance.uniform(0.5, 4.0))
                    if len(workers := _workers(database)) > 1:  # the last one is back, for somebody has to answer
                        break
                chance.choice(workers).send_signal(signal.SIGKILL)
            for caller in callers:
                caller.end.set()
            for caller in callers:
                caller.join(60)
            time.sleep(1)
        store = Store(database)
        labels = sum(row.labels for row in store.totals("kills"))
        rows = Counter(told(store))
        acknowledged = [id for caller in callers for id in caller.acknowledged]
        outcomes = sum((caller.outcomes for caller in callers), Counter[str]())
        return {
            "kills": kills,
            "acknowledged": len(acknowledged),
            "stored": sum(rows.values()),
            "counted": labels,
            "lost": len(set(map(key_of, acknowledged)) - set(rows)),
            "twice": sum(count > 1 for count in rows.values()),
            "repeated": outcomes["repeated"],
            "predictions": outcomes["/predict"],
            "broken_connections": outcomes["broken"],
        }


def told(store: Store) -> list[str]:
    """Return the ids that feedback is stored for, one a row."""
    from sqlalchemy import select

    from service.store import schema

    with store.engine.connect() as connection:
        return list(connection.execute(select(schema.feedback.c.prediction_id)).scalars())


def key_of(id: str) -> str:
    """Return what a prediction's id is stored as: what stands between its label and its signature."""
    return id.rpartition(".")[0].split(".", 3)[3]


def _workers(database: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        command = " ".join(process.info["cmdline"] or [])
        if "worker" in command and (process.info["environ"] or {}).get("BONSAI_DATABASE_URL") == database:
            found.append(process)
    return found


def main() -> int:
    """Kill, count, keep; exit code 1 where anything acknowledged was lost or counted twice."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--variants", type=Path, default=Path("variants"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    found = {**kill(given.variants, given.kills, given.seed), "date": datetime.now(UTC).date().isoformat()}
    if given.out is not None:
        given.out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found))
    return int(found["lost"] > 0 or found["twice"] > 0 or found["counted"] != found["stored"])


if __name__ == "__main__":
    sys.exit(main())
