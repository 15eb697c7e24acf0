"""Draw every table of our pages from stored results: `python -m docs.tables` puts each between its two markers."""

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from docs import scale
from loadtest.errors import LoadTestError
from loadtest.published import published
from models.bench.comparison import markdown, read_result, short_table
from models.figures import chain, claims, gains, generalization, granularity_table, quantization, softened
from models.runtime.errors import BonsaiError
from service.evidence.simulate import table as verdicts

ROOT = Path(__file__).parents[1]
BENCH, LOAD = ROOT / "models" / "results" / "published", ROOT / "loadtest" / "results" / "published"
EVIDENCE = ROOT / "service" / "results" / "published"
PAGES = tuple(
    page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), BENCH / "README.md")
    if "<!-- table: " in page.read_text(encoding="utf-8")
)
TABLE = re.compile(r"(<!-- table: (?P<kind>\w+) (?P<name>[\w.-]+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL)
DRAWN: dict[str, Callable[[str], str]] = {
    "bench": lambda name: markdown(read_result(BENCH / f"{name}.json")),  # both tables with all rows
    "variants": lambda name: short_table(read_result(BENCH / f"{name}.json")),
    "pruning": lambda name: claims.markdown(_experiment(name, "claims")),
    "granularity": lambda name: granularity_table.markdown(_experiment(name, "times")),
    "quantization": lambda name: quantization.markdown(read_result(BENCH / f"{name}.json")),
    "chain": lambda name: chain.markdown(read_result(BENCH / f"{name}.json")),
    "dark_knowledge": lambda name: gains.markdown(gains.read_gains(BENCH / f"{name}.json")),
    "generalization": lambda name: generalization.markdown(generalization.read_generalization(BENCH / f"{name}.json")),
    "softening": lambda name: softened.markdown(softened.read_answers(BENCH / f"{name}.json")),
    "load": lambda name: published(LOAD, name),
    "verdicts": lambda name: _verdicts(name),
    "scale": lambda name: _scale(name),
    "nanoseconds": lambda name: _nanoseconds(name),
    "faults": lambda name: _faults(name),
}


def redraw(page: str) -> str:
    """Return the page with every table drawn anew; all else stays (BonsaiError or LoadTestError where a table's result
    is not stored).
    """
    return TABLE.sub(lambda found: found[1] + _drawn(found["kind"], found["name"]) + found["end"], page)


def _drawn(kind: str, name: str) -> str:
    if kind not in DRAWN:
        raise BonsaiError(f"no table is of the kind '{kind}'; expected one of {', '.join(DRAWN)}")
    return DRAWN[kind](name)


def _experiment(name: str, last: str) -> dict[str, Any]:
    """Read a figure's result, in which a finished run writes `last` at the end (BonsaiError)."""
    file = BENCH / f"{name}.json"
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BonsaiError(f"'{file}' cannot be read ({error}); 'python -m models.figures' writes figures") from error
    if (
        not isinstance(found, dict) or last not in found or not found.get("complete", True)
    ):  # what is older does not say
        raise BonsaiError(
            f"'{file}' is of a run that did not end; the same 'python -m models.figures' command goes on with it"
        )
    return found


def _verdicts(name: str) -> str:
    if name not in verdicts.TABLES:
        raise BonsaiError(f"no table of verdicts is called '{name}'; expected one of {', '.join(verdicts.TABLES)}")
    stored, drawn = verdicts.TABLES[name]
    try:
        return drawn(json.loads((EVIDENCE / stored).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise BonsaiError(f"'{EVIDENCE / stored}' cannot be read ({error}); 'make simulate' writes verdicts") from error


def _scale(name: str) -> str:
    if name not in scale.TABLES:
        raise BonsaiError(f"no table of scale is called '{name}'; expected one of {', '.join(scale.TABLES)}")
    try:
        return scale.TABLES[name]()
    except (OSError, ValueError, KeyError) as error:
        raise BonsaiError(
            f"the results behind '{name}' cannot be read ({error}); 'make bench-predict' is one"
        ) from error


def _nanoseconds(name: str) -> str:
    file = EVIDENCE / f"{name}.json"
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))["added_ns"]
    except (OSError, ValueError, KeyError) as error:
        raise BonsaiError(f"'{file}' cannot be read ({error}); 'python -m tests.keys_cost' prints it") from error
    lines = [f"| {what} | {ns:,.0f} |" for what, ns in rows.items()]
    return "\n".join(["| a request | ns more |", "|---|---:|", *lines, ""])


def _faults(name: str) -> str:
    """Return the rows of any stored result that has some: {"rows": [{"fault", "done", "promised", "seen"}, …]}."""
    file = next((folder / f"{name}.json" for folder in (EVIDENCE, LOAD) if (folder / f"{name}.json").exists()), None)
    if file is None:
        raise BonsaiError(f"no faults are stored as '{name}' in '{EVIDENCE}' or '{LOAD}'; 'make faults' stores some")
    stored = json.loads(file.read_text(encoding="utf-8"))
    lines = ["| fault | what is done | promised | seen |", "|---|---|---|---|"]
    for row in stored["rows"]:
        seen = row["seen"] if row.get("kept", True) else f"**not kept:** {row['seen']}"
        seen += " (a quick run)" if row.get("quick") else ""
        cells = (str(cell).replace("|", "\\|") for cell in (row["fault"], row["done"], row["promised"], seen))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + f"\n\n{stored['date'][:10]}.\n"


def main(arguments: list[str] | None = None) -> int:
    """Redraw some pages; exit code 2 for what the user can repair."""
    parser = argparse.ArgumentParser(
        prog="python -m docs.tables", description="Draw the tables of Markdown pages from stored results."
    )
    parser.add_argument(
        "pages", type=Path, nargs="*", default=PAGES, help="Markdown files (default: all pages that hold tables)"
    )
    try:
        for file in parser.parse_args(arguments).pages:
            print(f"{file}: drew {', '.join(_redraw_file(file))}")
    except (BonsaiError, LoadTestError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _redraw_file(file: Path) -> list[str]:
    """Redraw one page and return the names of its tables."""
    try:
        page = file.read_text(encoding="utf-8")
        names = [found["name"] for found in TABLE.finditer(page)]
        if not names:
            raise BonsaiError(
                f"'{file}' holds no table; expected '<!-- table: KIND NAME -->' and '<!-- end -->', each on a line of "
                "its own"
            )
        file.write_text(redraw(page), encoding="utf-8")
    except OSError as error:
        raise BonsaiError(f"'{file}' cannot be redrawn ({error.strerror}); expected a Markdown file") from error
    return names


if __name__ == "__main__":
    sys.exit(main())
