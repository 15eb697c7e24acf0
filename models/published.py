"""Draw the pages' benchmark tables from stored results: `python -m models.published` puts each between its two markers."""

import argparse
import re
import sys
from pathlib import Path

from models.comparison import markdown, read_result
from models.errors import BonsaiError

PUBLISHED = Path(__file__).parent / "results" / "published"
PAGES = (Path(__file__).parents[1] / "README.md", PUBLISHED / "README.md")
TABLE = re.compile(r"(<!-- table: bench (?P<name>[\w.-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def redraw(page: str, results: Path) -> str:
    """Return the page with every benchmark table drawn anew; all else stays (BonsaiError where a table's result is not stored)."""
    return TABLE.sub(lambda found: found[1] + markdown(read_result(results / f"{found['name']}.json")) + found[3], page)


def main(arguments: list[str] | None = None) -> int:
    """Redraw pages; exit code 2 for what the user can repair."""
    parser = argparse.ArgumentParser(prog="python -m models.published", description="Draw benchmark tables from stored results.")
    parser.add_argument("--page", type=Path, nargs="+", default=PAGES, help="Markdown files (default: README.md and that of the published results)")
    parser.add_argument("--results", type=Path, default=PUBLISHED, help="the folder of results (default: models/results/published)")
    options = parser.parse_args(arguments)
    for page in options.page:
        try:
            text = page.read_text(encoding="utf-8")
            names = [found["name"] for found in TABLE.finditer(text)]
            if not names:
                raise BonsaiError(f"'{page}' holds no table; expected '<!-- table: bench NAME -->' and '<!-- end -->', each on a line of its own")
            page.write_text(redraw(text, options.results), encoding="utf-8")
        except OSError as error:
            print(f"error: '{page}' cannot be redrawn ({error.strerror}); expected a Markdown file", file=sys.stderr)
            return 2
        except BonsaiError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        print(f"{page}: drew {', '.join(names)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
