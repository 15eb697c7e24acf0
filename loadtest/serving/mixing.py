"""All routes of the service under one load for a long time, with some bad requests among them: what fails, what the
processes hold, and the tail of the times at the beginning and at the end.
"""

import json
import secrets
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from loadtest.ask.corpus import Question, shuffled
from loadtest.serving.experimenting import Lab
from loadtest.serving.running import Setting, running
from loadtest.serving.servers import OURS_2, SERVERS
from loadtest.serving.soaking import CAPACITY_S, CONNECTIONS, sliced
from loadtest.serving.telling import Told
from loadtest.serving.wrk import Load

SCRIPT = Path(__file__).with_name("mixed.lua")
REQUESTS = 20_000  # of the file, which is sent again and again
BULK = 32  # texts
TOLD = 200  # predictions of which the truth is told, again and again
PART_S = 600  # over which times are compared
MOST_WORSE = 1.2  # of the last part's p99 to the first one's
MOST_GROWTH = 0.02  # of memory, from the second part on
# Of a thousand requests; what is left over goes to single texts.
SHARES = {"bulk": 20, "v2": 100, "v1": 100, "assigned": 200, "feedback": 50, "variants": 10, "page": 10, "bad": 10}
BAD = (
    ("POST", "/{variant}/predict", '{"texts": ['),
    ("POST", "/{variant}/predict", '{"texts": [" "]}'),
    ("POST", "/{variant}/predict", '{"texts": ["a"], "top_k": 0}'),
    ("POST", "/nobody/predict", '{"texts": ["a"]}'),
    ("POST", "/v2/models/{variant}/infer", '{"inputs": []}'),
    ("POST", "/v1/models/{variant}:predict", '{"instances": [1]}'),
    ("POST", "/predict", "[]"),
    ("POST", "/feedback", '{"feedback": [{"prediction_id": "x", "label": "y"}]}'),
    ("GET", "/{variant}/predict", ""),
    ("GET", "/nothing", ""),
)


def mix(variant: str, questions: Sequence[Question], truths: Sequence[dict[str, str]], seed: int) -> list[str]:
    """Return the requests of a file for `mixed.lua`, a line each, every kind spread evenly among the others."""
    order = shuffled(questions, str(seed))
    texts = (question.text for question in order)
    kinds = [kind for kind, share in SHARES.items() for _ in range(share)]
    kinds += ["single"] * (1000 - len(kinds))
    lines = []
    for number in range(REQUESTS):
        kind = kinds[number * 383 % 1000]  # 383 and 1,000 have no divisor in common: every kind has its share
        lines.append("\t".join(_request(kind, number, variant, texts, truths)))
    return lines


def _request(kind: str, number: int, variant: str, texts: Any, truths: Sequence[dict[str, str]]) -> tuple[str, ...]:
    match kind:
        case "bulk":
            return "POST", f"/{variant}/predict", json.dumps({"texts": [next(texts) for _ in range(BULK)]})
        case "v2":
            tensor = {"name": "text", "datatype": "BYTES", "shape": [1], "data": [next(texts)]}
            return "POST", f"/v2/models/{variant}/infer", json.dumps({"inputs": [tensor]})
        case "v1":
            return "POST", f"/v1/models/{variant}:predict", json.dumps({"instances": [next(texts)]})
        case "assigned":
            return "POST", "/predict", json.dumps({"texts": [next(texts)], "unit": f"unit-{number % 997}"})
        case "feedback":
            return "POST", "/feedback", json.dumps({"feedback": [truths[number % len(truths)]]})
        case "variants" | "page":
            return "GET", "/variants" if kind == "variants" else "/", ""
        case "bad":
            method, path, body = BAD[number * 383 % len(BAD)]
            return method, path.format(variant=variant), body
    return "POST", f"/{variant}/predict", json.dumps({"texts": [next(texts)]})


def soak_mixed(
    setting: Setting, other: str, questions: Sequence[Question], count: int, slice_s: int, share: float, seed: int,
    told: Told,
) -> dict[str, Any]:  # fmt: skip
    """Return the capacity, and what each of so many slices of the mixed load came to, while an experiment runs."""
    key = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="bonsai-soak-") as place:
        folder = Path(place)
        environment = {
            "BONSAI_ADMIN_KEY": key,
            "BONSAI_DATABASE_URL": f"sqlite:///{folder / 'experiments.sqlite'}",
        }
        server = replace(SERVERS[OURS_2], environment={**SERVERS[OURS_2].environment, **environment})
        with running(server, setting, questions[0].text) as service:
            lab = Lab(service.url.removesuffix(f"/{setting.variant}/predict"), key)
            arms = [{"variant": setting.variant, "weight": 0.5}, {"variant": other, "weight": 0.5}]
            requests = folder / "requests.tsv"

            def renew() -> None:
                truths = _truths(lab, questions)
                requests.write_text("".join(f"{line}\n" for line in mix(setting.variant, questions, truths, seed)))

            with lab.experiment("soak", control=other, arms=arms):
                renew()
                load = Load(lab.base, requests, CONNECTIONS, CAPACITY_S, script=SCRIPT)
                return sliced(service, load, count, slice_s, share, told, renew, SHARES["bad"] / 1000)


def _truths(lab: Lab, questions: Sequence[Question]) -> list[dict[str, str]]:
    """Return feedback on predictions that were just made."""
    told = []
    for number in range(TOLD):
        asked = {"texts": [questions[number % len(questions)].text], "unit": f"unit-{number}"}
        (row,) = lab.call("/predict", asked)["predictions"]
        told.append({"prediction_id": row["prediction_id"], "label": row["label"]})
    return told


def parts(kept: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """Return the slices in parts of ten minutes; a short run has its halves."""
    slices = kept["slices"]
    size = max(1, min(PART_S // kept["slice_s"], (len(slices) + 1) // 2))
    return [slices[place : place + size] for place in range(0, len(slices), size)]


def seen(kept: dict[str, Any]) -> dict[str, Any]:
    """Return what there is to hold the service to: answers of 5xx, requests without one, the ratio of the last part's
    p99 to the first one's, and how memory and open files changed from the second part on.
    """
    slices, by_part = kept["slices"], parts(kept)
    statuses = sum((Counter(each["statuses"]) for each in slices), Counter[str]())
    p99 = [median(each["p99_ms"] for each in part) for part in by_part]
    second = by_part[min(1, len(by_part) - 1)][0]["workers"]
    memory = [sum(worker["uss"] for worker in each) / 1e6 for each in (second, slices[-1]["workers"])]
    files = [sum(worker["files"] for worker in each) for each in (second, slices[-1]["workers"])]
    return {
        "requests": sum(each["requests"] for each in slices),
        "statuses": dict(sorted(statuses.items())),
        "failed": sum(count for status, count in statuses.items() if status >= "500"),
        "unanswered": sum(sum(each["errors"].values()) for each in slices),
        "p99_ms": [round(each, 2) for each in p99],
        "memory_mb": [round(each, 1) for each in memory],
        "files": files,
    }


def rows(kept: dict[str, Any]) -> list[dict[str, Any]]:
    """Return it as the row of the table of faults."""
    found = seen(kept)
    minutes = sum(each["seconds"] for each in kept["slices"]) / 60
    before, after = found["memory_mb"]
    ratio = found["p99_ms"][-1] / found["p99_ms"][0]
    level = after <= before * (1 + MOST_GROWTH) and found["files"][1] <= found["files"][0]
    return [
        {
            "fault": f"{minutes:.0f} minutes of all routes",
            "done": f"{kept['share']:.0%} of {kept['capacity']:,} requests/s, 1 % of them bad",
            "promised": f"no 5xx, level memory and files, p99 of the last part at most {MOST_WORSE}x the first",
            "seen": f"{found['requests']:,} requests, {found['failed']} of 5xx, {found['unanswered']} unanswered; "
            f"memory {before:.0f} to {after:.0f} MB, files {found['files'][0]} to {found['files'][1]}; "
            f"p99 {ratio:.2f}x",
            "kept": not found["failed"] and not found["unanswered"] and level and ratio <= MOST_WORSE,
        }
    ]


def markdown(kept: dict[str, Any]) -> str:
    """Return it as a table of one row a part of the run, and what all of it came to."""
    lines = [
        "| minutes | requests/s | p50 ms | p99 ms | memory (USS) MB | open files |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    begun = 0.0
    for part in parts(kept):
        seconds, last = sum(each["seconds"] for each in part), part[-1]["workers"]
        rate = sum(each["requests"] for each in part) / seconds
        p50, p99 = (median(each[name] for each in part) for name in ("p50_ms", "p99_ms"))
        memory, files = sum(each["uss"] for each in last) / 1e6, sum(each["files"] for each in last)
        ends = begun + seconds / 60
        lines.append(f"| {begun:.0f}–{ends:.0f} | {rate:,.0f} | {p50:.2f} | {p99:.2f} | {memory:.0f} | {files} |")
        begun = ends
    found = seen(kept)
    counted = ", ".join(f"{count:,} of {status}" for status, count in found["statuses"].items())
    return "\n".join(lines) + (
        f"\n\n{found['requests']:,} requests at {kept['share']:.0%} of {kept['capacity']:,} a second: {counted}; "
        f"{found['unanswered']} without an answer. p50 and p99: medians of the part's slices.\n"
    )
