"""Draw the README's load-test tables from stored results: `python -m loadtest.published` puts each between its two markers."""

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from loadtest.checks import again, ceiling, truth
from loadtest.errors import LoadTestError
from loadtest.figures.comparison import Comparison
from loadtest.numbers.result import Machine
from loadtest.numbers.run_folder import read_result
from loadtest.show.table import markdown

PUBLISHED = Path(__file__).parent / "results" / "published"
README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"(<!-- table: load (?P<name>[\w.-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
RUNS = ("demo", "banking77")
CHECKS: dict[str, Callable[[dict[str, Any]], str]] = {"truth": truth.markdown, "ceiling": ceiling.markdown, "again": again.markdown}


def redraw(page: str, results: Path) -> str:
    """Return the page with every block drawn anew; all else stays (LoadTestError where a block's result is not stored)."""
    return BLOCK.sub(lambda found: found[1] + _drawn(found["name"], results) + found[3], page)


def main(arguments: Sequence[str] | None = None) -> int:
    """Redraw a page; exit code 2 for what the user can repair."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.published", description="Draw the README's load-test tables from stored results.")
    parser.add_argument("--page", type=Path, default=README, help="the Markdown file (default: README.md)")
    parser.add_argument("--results", type=Path, default=PUBLISHED, help="the folder of results (default: loadtest/results/published)")
    given = parser.parse_args(arguments)
    try:
        page = given.page.read_text(encoding="utf-8")
        names = [found["name"] for found in BLOCK.finditer(page)]
        if not names:
            raise LoadTestError(f"'{given.page}' holds no block; expected '<!-- table: load NAME -->' and '<!-- end -->', each on a line of its own")
        given.page.write_text(redraw(page, given.results), encoding="utf-8")
    except OSError as error:
        print(f"error: '{given.page}' cannot be redrawn ({error.strerror}); expected a Markdown file", file=sys.stderr)
        return 2
    except LoadTestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{given.page}: drew {', '.join(names)}")
    return 0


def _drawn(name: str, results: Path) -> str:
    if name in RUNS:
        result = read_result(results / name)
        table, machine, date = markdown(Comparison(result)), result.conditions.machine, result.run.started
    elif name in CHECKS:
        kept = _read(results / f"{name}.json")
        table, machine, date = CHECKS[name](kept), Machine.model_validate(kept["machine"]), kept["date"]
    else:
        raise LoadTestError(f"no block is called '{name}'; expected one of {', '.join([*RUNS, *CHECKS])}")
    return f"{table}\n{machine.cpu}, {machine.usable_cores} of {machine.cores} cores, {date[:10]}.\n"


def _read(file: Path) -> dict[str, Any]:
    try:
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LoadTestError(f"'{file}' cannot be read ({error}); 'python -m loadtest.{file.stem}' writes it") from error
    return kept


if __name__ == "__main__":
    sys.exit(main())
