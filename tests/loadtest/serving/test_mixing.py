"""The mixed load asks every route in its share, and what comes of it is held to what is promised."""

import json
from collections import Counter
from typing import Any

import pytest

from loadtest.ask.corpus import Question
from loadtest.serving.mixing import SHARES, markdown, mix, rows

QUESTIONS = [Question(f"text {number}", "label", {"int8": "label"}) for number in range(40)]
TRUTHS = [{"prediction_id": str(number), "label": "x"} for number in range(5)]


def slice_(uss: float, p99: float = 3.0, **statuses: int) -> dict[str, Any]:
    worker = {"uss": int(uss * 5e5), "pss": 10**8, "files": 20}
    counted = {"200": 9900, "400": 100, **{name[1:]: count for name, count in statuses.items()}}
    return {"requests": sum(counted.values()), "seconds": 60.0, "refused": 100, "errors": {}, "statuses": counted,
            "p50_ms": 1.0, "p99_ms": p99, "workers": [worker] * 2}  # fmt: skip


def test_every_route_has_its_share() -> None:
    lines = [line.split("\t") for line in mix("int8", QUESTIONS, TRUTHS, 1)]
    assert all(len(line) == 3 for line in lines)
    paths = Counter((method, path) for method, path, _ in lines)
    assert paths["GET", "/variants"] == paths["GET", "/"] == len(lines) * SHARES["page"] // 1000
    assert paths["POST", "/nobody/predict"] == paths["GET", "/nothing"] == len(lines) * SHARES["bad"] // 10_000
    told = [json.loads(body)["feedback"][0] for _, path, body in lines if path == "/feedback"]
    assert {each["prediction_id"] for each in told} >= {truth["prediction_id"] for truth in TRUTHS}
    assert lines == [line.split("\t") for line in mix("int8", QUESTIONS, TRUTHS, 1)]


@pytest.mark.parametrize(
    ("slices", "kept"),
    [
        ([slice_(100)] * 30, True),
        ([slice_(60)] * 10 + [slice_(100)] * 20, True),  # it may grow at first
        ([slice_(100)] * 29 + [slice_(110)], False),
        ([slice_(100)] * 29 + [slice_(100, _500=1)], False),
        ([slice_(100)] * 20 + [slice_(100, p99=4.0)] * 10, False),
    ],
)
def test_a_promise_is_kept_or_not(slices: list[dict[str, Any]], kept: bool) -> None:
    stored = {"capacity": 1000, "share": 0.6, "slice_s": 60, "slices": slices}
    (row,) = rows(stored)
    assert row["kept"] is kept
    assert row["fault"] == "30 minutes of all routes"
    assert markdown(stored).count("\n| ") == 3
