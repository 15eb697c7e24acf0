"""What an experiment costs its callers: one variant on its own route and on POST /predict, with none, with split
traffic and with every request shadowed, in turn on one running service.
"""

import json
import secrets
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loadtest.ask.corpus import Question
from loadtest.errors import LoadTestError
from loadtest.numbers.intervals import over_rounds
from loadtest.serving.bodies import bodies
from loadtest.serving.running import Running, Setting, running
from loadtest.serving.servers import OURS_2, SERVERS
from loadtest.serving.telling import Told
from loadtest.serving.wrk import Load, run

PLAIN, NONE, SPLIT, SHADOW, AGAIN = CASES = ("plain", "none", "split", "shadow", "plain again")
SAYS = {
    PLAIN: "its own route",
    NONE: "POST /predict, no experiment",
    SPLIT: "POST /predict, split traffic, every answer recorded",
    SHADOW: "POST /predict, every request shadowed by another variant",
    AGAIN: "its own route a second time: the A/A control",
}
CONNECTIONS = (1, 8)
SETTLE_S = 1.2  # every worker knows of a change within a second
UNITS = 1000


@dataclass(frozen=True, slots=True)
class Lab:
    """A service that keeps experiments, and its admin's key."""

    base: str
    key: str

    def call(self, path: str, content: object) -> Any:
        """Ask as the admin, and return the answer."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"}
        request = urllib.request.Request(f"{self.base}{path}", json.dumps(content).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            raise LoadTestError(f"{path} answered {refused.code}: {refused.read().decode()[:300]}") from None

    @contextmanager
    def experiment(self, name: str, **definition: Any) -> Iterator[None]:
        """Let an experiment run."""
        self.call("/experiments", {"name": name, "unit": {"field": "unit"}, **definition})
        time.sleep(SETTLE_S)
        try:
            yield
        finally:
            self.call(f"/experiments/{name}/end", {})
            time.sleep(SETTLE_S)


def measure(
    setting: Setting, other: str, questions: Sequence[Question], rounds: int, seconds: int, seed: int, told: Told
) -> list[dict[str, Any]]:
    """Return, for each round, the figures of each case over each number of connections."""
    key = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="bonsai-experiments-") as place:
        folder = Path(place)
        environment = {
            "BONSAI_ADMIN_KEY": key,
            "BONSAI_DEFAULT_VARIANT": setting.variant,
            "BONSAI_DATABASE_URL": f"sqlite:///{folder / 'experiments.sqlite'}",
        }
        server = SERVERS[OURS_2]
        server = replace(server, environment={**server.environment, **environment})
        with running(server, setting, questions[0].text) as service:
            lab = Lab(service.url.removesuffix(f"/{setting.variant}/predict"), key)
            found = []
            for number in range(rounds + 1):  # the first warms up
                told.say("experiments", number, rounds + 1)
                found.append(
                    _round(lab, service, setting.variant, other, questions, seconds, f"{seed}.{number}", folder)
                )
            return found[1:]


def _round(
    lab: Lab,
    service: Running,
    variant: str,
    other: str,
    questions: Sequence[Question],
    seconds: int,
    seed: str,
    folder: Path,
) -> dict[str, Any]:
    plain = bodies(questions, 1, seed)
    (folder / "plain.jsonl").write_text("".join(f"{body}\n" for body in plain), encoding="utf-8")
    name = f"round_{seed.replace('.', '_')}"

    def put(path: str, file: str) -> dict[str, Any]:
        loads = (Load(f"{lab.base}{path}", folder / file, count, seconds) for count in CONNECTIONS)
        return {str(load.connections): run(load).model_dump(exclude_none=True) for load in loads}

    found = {PLAIN: put(f"/{variant}/predict", "plain.jsonl"), NONE: put("/predict", "plain.jsonl")}
    arms = [{"variant": variant, "weight": 0.5}, {"variant": other, "weight": 0.5}]
    with lab.experiment(f"{name}_split", control=other, arms=arms):
        units = _units_of(lab, variant)
        mixed = [
            json.dumps({**json.loads(body), "unit": units[place % len(units)]}) for place, body in enumerate(plain)
        ]
        (folder / "units.jsonl").write_text("".join(f"{body}\n" for body in mixed), encoding="utf-8")
        found[SPLIT] = put("/predict", "units.jsonl")
    with lab.experiment(f"{name}_shadow", control=variant, arms=arms, mode="shadow"):
        found[SHADOW] = put("/predict", "plain.jsonl")
    found[AGAIN] = put(f"/{variant}/predict", "plain.jsonl")
    return found


def _units_of(lab: Lab, variant: str) -> list[str]:
    """Return units that the experiment gives this variant."""
    units = [f"unit-{number}" for number in range(UNITS)]
    return [unit for unit in units if lab.call("/predict", {"texts": ["a"], "unit": unit})["arm"] == variant]


def markdown(kept: dict[str, Any]) -> str:
    """Return the cases as a table: medians over rounds, and ratios to the variant's own route within rounds."""
    rounds = kept["rounds"]
    lines = [
        "| a request of one text | connections | requests/s | p50 ms | p99 ms | p50 (own route = 1) | p99 |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for case in CASES:
        for count in map(str, CONNECTIONS):
            own = [one[case][count] for one in rounds]
            rates = sorted(each["requests"] / each["seconds"] for each in own)
            p50, p99 = (sorted(each[name] for each in own)[len(own) // 2] for name in ("p50_ms", "p99_ms"))
            ratios = [_ratio(rounds, case, count, name) for name in ("p50_ms", "p99_ms")]
            lines.append(
                f"| {SAYS[case]} | {count} | {rates[len(rates) // 2]:,.0f} | {p50:.2f} | {p99:.2f} | {ratios[0]} | "
                f"{ratios[1]} |"
            )
    return "\n".join(lines) + "\n"


def _ratio(rounds: Sequence[dict[str, Any]], case: str, count: str, name: str) -> str:
    if case == PLAIN:
        return "1"
    found = over_rounds([one[case][count][name] / one[PLAIN][count][name] for one in rounds])
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]" if found is not None else "–"
