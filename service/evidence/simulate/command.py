"""Simulate experiments: `python -m service.evidence.simulate [--kind paired …] [--experiments N] --out FILE`."""

import argparse
import json
import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from service.evidence.simulate import kinds, running

PARTS = [*dict.fromkeys(null.kind for null in kinds.NULLS), "power", "tango"]


def main(arguments: list[str] | None = None) -> int:
    """Write the figures as JSON; exit code 2 for what the user can repair."""
    given = _parser().parse_args(arguments)
    chosen = set(given.kind or PARTS)
    start = time.process_time()
    result: dict[str, Any] = {
        "conditions": _conditions(given.seed),
        "level": [],
        "beyond": [],
        "power": [],
        "tango": [],
    }
    for part, nulls in (("level", kinds.NULLS), ("beyond", kinds.BEYOND)):
        for null in nulls:
            if null.kind in chosen:
                result[part].append(running.false_verdicts(null, given.experiments, given.labels, given.seed))
                _say(result[part][-1], "false")
    for found in kinds.POWER if "power" in chosen else ():
        result["power"].append(running.power(found, given.experiments, given.seed))
        _say(result["power"][-1], "found")
    for race in kinds.RACES if "tango" in chosen else ():
        result["tango"].append(running.race(race, given.experiments, given.seed))
        print(", ".join(f"{key} {value}" for key, value in result["tango"][-1].items() if key != "looks"), flush=True)
    result["conditions"]["seconds"] = round(time.process_time() - start)  # of processor time
    try:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(result, separators=(",", ":")) + "\n", encoding="utf-8")
    except OSError as error:
        print(f"error: '{given.out}' cannot be written ({error.strerror}); --out takes a file's name", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m service.evidence.simulate",
        description="Draw experiments of which the truth is known, and look after every label.",
    )
    parser.add_argument("--kind", nargs="+", choices=PARTS, metavar="KIND", help=f"some only, of {', '.join(PARTS)}")
    parser.add_argument("--experiments", type=_positive, default=4000, help="of each kind (default: 4000)")
    parser.add_argument("--labels", type=_positive, default=20_000, help="of each experiment (default: 20000)")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers (default: 0)")
    parser.add_argument("--out", type=Path, required=True, help="file for the figures, JSON")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"'{text}' is no number of them; expected a whole number from 1")
    return int(text)


def _say(row: dict[str, Any], what: str) -> None:
    print(f"{row['kind']}, {row['world']}: {row[what]} of {row['experiments']} {what}", flush=True)


def _conditions(seed: int) -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": seed,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }
