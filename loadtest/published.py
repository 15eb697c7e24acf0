"""Published load tests as the tables of our pages."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loadtest.checks import again, ceiling, truth
from loadtest.errors import LoadTestError
from loadtest.figures.comparison import Comparison
from loadtest.numbers.result import Machine
from loadtest.numbers.run_folder import read_result
from loadtest.serving import experimenting, mixing, overloading, soaking
from loadtest.serving import result as serving
from loadtest.serving import table as serving_table
from loadtest.show.table import markdown

RUNS = ("demo", "banking77")
SERVING = "serving"
CHECKS: dict[str, Callable[[dict[str, Any]], str]] = {
    "truth": truth.markdown,
    "ceiling": ceiling.markdown,
    "again": again.markdown,
    "soak": soaking.markdown,
    "mixed": mixing.markdown,
    "experiments": experimenting.markdown,
    "overload": overloading.markdown,
}


def published(results: Path, name: str) -> str:
    """Return a stored run or check as tables, with machine and date (LoadTestError where it is not stored)."""
    if name in RUNS:
        result = read_result(results / name)
        table, machine, date = markdown(Comparison(result)), result.conditions.machine, result.run.started
    elif name == SERVING:
        compared = serving.read_result(results / f"{name}.json")
        table, machine, date = serving_table.markdown(compared), compared.conditions.machine, compared.conditions.date
    elif name in CHECKS:
        kept = _read(results / f"{name}.json")
        table, machine, date = CHECKS[name](kept), Machine.model_validate(kept["machine"]), kept["date"]
    else:
        raise LoadTestError(
            f"no load test is published as '{name}'; expected one of {', '.join([*RUNS, SERVING, *CHECKS])}"
        )
    return f"{table}\n{machine.cpu}, {machine.usable_cores} of {machine.cores} cores, {date[:10]}.\n"


def _read(file: Path) -> dict[str, Any]:
    try:
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LoadTestError(f"'{file}' cannot be read ({error}); 'python -m loadtest.{file.stem}' writes it") from error
    return kept
