"""A report of an experiment as the contract has it, with what is awkward to show: a name that is HTML, a mismatch, a
breach, losses, wide early bands.
"""

from typing import Any

HTML = "<img src=x onerror=alert(1)>"
DEFINITION = {
    "name": "nano_ab", "salt": "nano_ab", "control": "teacher",
    "arms": [{"variant": name, "weight": weight} for name, weight in (("teacher", 0.8), ("nano", 0.1), ("int8", 0.1))],
    "unit": {"header": "x-user-id"}, "traffic": 1.0, "mode": "both", "shadow": 0.1, "margin": 1.0, "alpha": 0.05,
    "metric": None, "window_days": 7,
}  # fmt: skip


def difference(n: int, drop: float, verdict: str, further: int | None) -> dict[str, Any]:
    width = 100 / n**0.5
    return {
        "n": n, "drop": drop, "low": drop - width, "high": drop + width, "e_no_drop": 0.61, "e_margin": 48231.7,
        "e_gain": 1.9, "verdict": verdict, "further": further,
    }  # fmt: skip


def sequence(kind: str, drop: float, most: int) -> list[dict[str, Any]]:
    points = []
    for step in range(1, 61):
        n = most * step // 60
        width, estimate = 100 / n**0.5, drop + 6 * (-1) ** step * (60 - step) / (60 + 60 * step)
        band = {"low": estimate - width, "high": estimate + width}
        points.append({"at": 1.8e9 + 60 * step, "n": n, "drop": estimate, **band, "kind": kind})
    return points


def arm(variant: str, weight: float, requests: int, **known: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(("paired", "label_free", "split", "metric", "latency", "agreement"))
    return {
        "variant": variant, "weight": weight, "control": variant == "teacher", "requests": requests,
        "units": requests // 3, "errors": 2, "mean_ms": 3.71, "labels": 4_812, "right": 4_470, "accuracy": 0.9289,
        "verdict": "undecided", "decision": "undecided", "sentence": "", **nothing, **known,
    }  # fmt: skip


def guardrail(
    name: str, arm: str, found: tuple[float, float, float], *, limit: float, n: int = 5_120, breached: bool = False
) -> dict[str, Any]:
    low, value, high = found
    about = {"limit": limit, "n": n, "minimum": 200, "breached": breached}
    return {"name": name, "arm": arm, "value": value, "low": low, "high": high, **about}


def report(*, good: bool = True) -> dict[str, Any]:
    """One experiment that goes well, or one in which everything went wrong that can."""
    arms = [
        arm("teacher", 0.8, 41_233),
        arm(
            "nano", 0.1, 5_120, mean_ms=0.42, verdict="not_worse", decision="ship",
            sentence="nano is not worse than teacher by the margin of 1 point (paired, 10,482 labels): ship it.",
            paired=difference(10_482, -0.12, "not_worse", None), split=difference(4_812, 0.31, "undecided", 9_300),
            latency={"ratio": 0.113, "low": 0.108, "high": 0.118, "n": 5_120},
            agreement={"n": 4_100, "share": 0.971, "low": 0.962, "high": 0.979},
        ),
        arm(
            "int8", 0.1, 5_061, mean_ms=1.21, sentence="int8 is undecided: about 2,100 further labels are expected.",
            label_free=difference(4_055, 0.0, "undecided", 2_100),
            latency={"ratio": 0.331, "low": 0.32, "high": 0.34, "n": 5_061},
        ),
    ]  # fmt: skip
    if not good:
        for one in arms:
            one |= {"verdict": "withheld", "decision": "withheld"}
    return {
        "name": "nano_ab", "revision": 3, "state": "running" if good else "tripped",
        "reason": "" if good else f"error_rate of nano is over its limit, said {HTML}",
        "definition": DEFINITION, "started_at": 1.8e9, "changed_at": 1.8e9 + 60, "at": 1.8e9 + 100,
        "sample_ratio": {
            "revision": 3,
            "counts": {"teacher": 41_233, "nano": 5_120, "int8": 5_061},
            "expected": {"teacher": 0.8, "nano": 0.1, "int8": 0.1}, "e_value": 0.4 if good else 10_233.4,
            "mismatch": not good,
        },
        "arms": arms,
        "guardrails": [
            guardrail("error_rate", "nano", (0.0, 0.0004, 0.003), limit=0.01, breached=not good),
            guardrail("latency", "nano", (0.108, 0.113, 0.118), limit=1.5),
            guardrail("agreement", "int8", (0.88, 0.97, 0.99), limit=0.9, n=120),
        ],
        "history": {
            "nano": sequence("paired", -0.12, 10_482) + sequence("split", 0.31, 4_812),
            "int8": sequence("label_free", 0.0, 4_055),
        },
        "recording": {"written": 51_414, "dropped": {} if good else {"store away": 213}, "pending": 4},
        "log": [
            {"at": 1.8e9, "revision": 1, "actor": "admin", "what": "created", "detail": {}},
            {"at": 1.8e9 + 50, "revision": 2, "actor": "admin", "what": "changed", "detail": {"alpha": [0.1, 0.05]}},
        ],
    }  # fmt: skip


def listing(*reports: dict[str, Any]) -> dict[str, Any]:
    """What GET /experiments says of these."""
    return {
        "experiments": [
            {
                "name": one["name"], "revision": one["revision"], "state": one["state"], "reason": one["reason"],
                "control": "teacher", "arms": ["teacher", "nano", "int8"], "mode": "both",
                "decisions": {each["variant"]: each["decision"] for each in one["arms"] if not each["control"]},
            }
            for one in reports
        ]
    }  # fmt: skip
