"""What an experiment costs its callers: one variant on its own route and on POST /predict, with none, with split
traffic and with every request shadowed, in each round in another order on one running service.

Its own route is measured twice. A ratio that is no further from 1 than that control shows nothing.
"""

import json
import random
import secrets
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loadtest.ask.corpus import Question
from loadtest.errors import LoadTestError
from loadtest.figures.doubts import CONTROL_WITHIN, is_narrow
from loadtest.numbers.intervals import Interval, over_rounds
from loadtest.serving.bodies import bodies
from loadtest.serving.result import REFUSED_SHARE, Figures
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
STARTS_S, LOOK_S = 60, 0.2
UNITS = 1000
FIGURES = ("p50_ms", "p99_ms")
WITHIN = "≈"  # a ratio that the control cannot be told from


@dataclass(frozen=True, slots=True)
class Lab:
    """A service that keeps experiments, and its admin's key."""

    base: str
    key: str

    def call(self, path: str, content: object = None) -> Any:
        """Ask as the admin, with POST where there is any content, and return the answer."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"}
        body = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(f"{self.base}{path}", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            raise LoadTestError(f"{path} answered {refused.code}: {refused.read().decode()[:300]}") from None

    def wait(self, name: str, is_so: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until the report of an experiment says so: what writes its answers down, or answers unseen, is a process
        that starts with it, which takes a processor for a second.
        """
        until = time.monotonic() + STARTS_S
        while not is_so(self.call(f"/experiments/{name}")):
            if time.monotonic() > until:
                raise LoadTestError(f"nothing was recorded of the experiment '{name}' within {STARTS_S} s")
            time.sleep(LOOK_S)

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

    arms = [{"variant": variant, "weight": 0.5}, {"variant": other, "weight": 0.5}]

    def split() -> dict[str, Any]:
        with lab.experiment(f"{name}_split", control=other, arms=arms):
            units = _units_of(lab, variant)
            mixed = [
                json.dumps({**json.loads(body), "unit": units[place % len(units)]}) for place, body in enumerate(plain)
            ]
            (folder / "units.jsonl").write_text("".join(f"{body}\n" for body in mixed), encoding="utf-8")
            lab.wait(f"{name}_split", lambda report: sum(arm["requests"] for arm in report["arms"]) >= UNITS)
            return put("/predict", "units.jsonl")

    def is_shadowed(report: dict[str, Any]) -> bool:
        lab.call("/predict", {"texts": ["a"]})  # dropped while the process is not there
        return any(arm.get("agreement") for arm in report["arms"])

    def shadow() -> dict[str, Any]:
        with lab.experiment(f"{name}_shadow", control=variant, arms=arms, mode="shadow"):
            lab.wait(f"{name}_shadow", is_shadowed)
            return put("/predict", "plain.jsonl")

    take: dict[str, Callable[[], dict[str, Any]]] = {
        PLAIN: lambda: put(f"/{variant}/predict", "plain.jsonl"),
        NONE: lambda: put("/predict", "plain.jsonl"),
        SPLIT: split,
        SHADOW: shadow,
        AGAIN: lambda: put(f"/{variant}/predict", "plain.jsonl"),
    }
    return {case: take[case]() for case in order(seed)}


def order(seed: str) -> list[str]:
    """Return the cases in a round's own order: what comes last would always meet what a machine does in time."""
    return random.Random(seed).sample(CASES, len(CASES))


def _units_of(lab: Lab, variant: str) -> list[str]:
    """Return units that the experiment gives this variant."""
    units = [f"unit-{number}" for number in range(UNITS)]
    return [unit for unit in units if lab.call("/predict", {"texts": ["a"], "unit": unit})["arm"] == variant]


def markdown(kept: dict[str, Any]) -> str:
    """Return the cases as a table, medians over rounds and ratios to the variant's own route within rounds, below what
    the control leaves in doubt.
    """
    rounds = kept["rounds"]
    lines = [
        *(f"**{doubt}**\n" for doubt in doubts(rounds)),
        "| a request of one text | connections | requests/s | p50 ms | p99 ms | p50 (own route = 1) | p99 |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for case in CASES:
        for count in map(str, CONNECTIONS):
            own = [one[case][count] for one in rounds]
            if not all(map(_is_timed, own)):
                lines.append(f"| {SAYS[case]} | {count} |{' – |' * 5}")
                continue
            rates = sorted(Figures(**each).per_second for each in own)
            p50, p99 = (sorted(each[name] for each in own)[len(own) // 2] for name in FIGURES)
            ratios = [_shown(rounds, case, count, name) for name in FIGURES]
            lines.append(
                f"| {SAYS[case]} | {count} | {rates[len(rates) // 2]:,.0f} | {p50:.2f} | {p99:.2f} | {ratios[0]} | "
                f"{ratios[1]} |"
            )
    said = "Ratios are geometric means over the rounds, with 95 % t intervals of their logarithms."
    if any(WITHIN in line for line in lines):
        said += f" {WITHIN}: the interval reaches into that of the A/A control, and a cost is not resolved."
    return "\n".join(lines) + f"\n\n{said}\n"


def doubts(rounds: Sequence[dict[str, Any]]) -> list[str]:
    """Return one sentence for each reason not to build on the rounds."""
    found = []
    if len({tuple(one) for one in rounds}) == 1:
        found.append("Every round had the cases in the same order: what drifts within a round is in the ratios.")
    refusing = [
        f"{SAYS[case]}, {count} connection{'s' * (count > 1)}"
        for case in CASES
        for count in CONNECTIONS
        if not all(_is_timed(one[case][str(count)]) for one in rounds)
    ]
    if refusing:
        found.append(
            f"More than {REFUSED_SHARE:.0%} had no answer or a refusal, which takes no time: {'; '.join(refusing)}."
        )
    unsure = [
        f"{count} connection{'s' * (count > 1)}, {name.removesuffix('_ms')} {_text(control)}"
        for count in CONNECTIONS
        for name in FIGURES
        if (control := _ratio(rounds, AGAIN, str(count), name)) is None or not is_narrow(control)
    ]
    if unsure:
        found.append(
            f"The A/A control does not contain 1, or is wider than {1 - CONTROL_WITHIN:g} to {1 + CONTROL_WITHIN:g}, "
            f"at {'; '.join(unsure)}: there, a difference of that size proves nothing."
        )
    return found


def _shown(rounds: Sequence[dict[str, Any]], case: str, count: str, name: str) -> str:
    if case == PLAIN:
        return "1"
    found, control = (_ratio(rounds, one, count, name) for one in (case, AGAIN))
    within = found is not None and control is not None and found.low <= control.high and found.high >= control.low
    return _text(found) + (f" {WITHIN}" if within and case != AGAIN else "")


def _is_timed(one: dict[str, Any]) -> bool:
    figures = Figures(**one)
    return figures.is_timed and figures.failed <= REFUSED_SHARE * figures.requests


def _ratio(rounds: Sequence[dict[str, Any]], case: str, count: str, name: str) -> Interval | None:
    if not all(_is_timed(one[each][count]) for one in rounds for each in (case, PLAIN)):
        return None
    return over_rounds([one[case][count][name] / one[PLAIN][count][name] for one in rounds])


def _text(found: Interval | None) -> str:
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]" if found is not None else "–"
