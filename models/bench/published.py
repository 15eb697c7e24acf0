"""Draw the benchmark tables of our pages from stored results: `python -m models.published` puts each between its two markers."""

import argparse
import re
import sys
from pathlib import Path

from models.bench.comparison import Result, factors, figures, markdown, notes, read_result, warnings
from models.runtime.errors import BonsaiError

PUBLISHED = Path(__file__).parents[1] / "results" / "published"
ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "docs" / "figures.md", PUBLISHED / "README.md")
TABLE = re.compile(r"(<!-- table: (?P<kind>bench|variants) (?P<name>[\w.-]+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL)
SHORT = ("row", "accuracy [95 %]", "gate", "MB", "mean ms", "texts/s")


def variants(result: Result) -> str:
    """Return one short table: the variants alone, beside the row that their speed is a multiple of."""
    full, faster = figures(result), {cells[0]: cells[1:3] for cells in factors(result).rows}
    places = [full.heads.index(head) for head in SHORT]
    over = result["denominator"]
    heads = ["variant", *SHORT[1:], f"speed ({over} = 1)", "the same in batches"]
    rows = [[cells[place] for place in places] + faster[cells[0]] for cells in full.rows if "version" in result["rows"][cells[0]] or cells[0] == over]
    lines = [f"| {' | '.join(cells)} |" for cells in (heads, ["---", *["---:"] * (len(heads) - 1)], *rows)]
    return "\n\n".join([*(f"**{warning}**" for warning in warnings(result)), "\n".join(lines), notes(result)[0]]) + "\n"


DRAWN = {"bench": markdown, "variants": variants}  # both tables with all rows; the short one


def redraw(page: str, results: Path) -> str:
    """Return the page with every benchmark table drawn anew; all else stays (BonsaiError where a table's result is not stored)."""
    return TABLE.sub(lambda found: found[1] + DRAWN[found["kind"]](read_result(results / f"{found['name']}.json")) + found["end"], page)


def main(arguments: list[str] | None = None) -> int:
    """Redraw some pages; exit code 2 for what the user can repair."""
    parser = argparse.ArgumentParser(prog="python -m models.published", description="Draw the benchmark tables of Markdown pages from stored results.")
    parser.add_argument(
        "--page", type=Path, nargs="+", default=PAGES, help="Markdown files (default: README.md, docs/figures.md and that of the published results)"
    )
    parser.add_argument("--results", type=Path, default=PUBLISHED, help="the folder of results (default: models/results/published)")
    options = parser.parse_args(arguments)
    try:
        for file in options.page:
            print(f"{file}: drew {', '.join(_redraw_file(file, options.results))}")
    except BonsaiError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _redraw_file(file: Path, results: Path) -> list[str]:
    """Redraw one page and return the names of its tables."""
    try:
        page = file.read_text(encoding="utf-8")
        names = [found["name"] for found in TABLE.finditer(page)]
        if not names:
            raise BonsaiError(f"'{file}' holds no table; expected '<!-- table: bench NAME -->' and '<!-- end -->', each on a line of its own")
        file.write_text(redraw(page, results), encoding="utf-8")
    except OSError as error:
        raise BonsaiError(f"'{file}' cannot be redrawn ({error.strerror}); expected a Markdown file") from error
    return names


if __name__ == "__main__":
    sys.exit(main())
