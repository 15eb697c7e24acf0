"""Draw the README's benchmark tables from stored results: `python -m models.published` puts each between its two markers."""

import argparse
import re
import sys
from pathlib import Path

from models.comparison import markdown, read_result
from models.errors import BonsaiError

PUBLISHED = Path(__file__).parent / "results" / "published"
README = Path(__file__).parents[1] / "README.md"
TABLE = re.compile(r"(<!-- table: bench (?P<name>[\w.-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def redraw(page: str, results: Path) -> str:
    """Return the page with every benchmark table drawn anew; all else stays (BonsaiError where a table's result is not stored)."""
    return TABLE.sub(lambda found: found[1] + markdown(read_result(results / f"{found['name']}.json")) + found[3], page)


def main(arguments: list[str] | None = None) -> int:
    """Redraw a page; exit code 2 for what the user can repair."""
    parser = argparse.ArgumentParser(prog="python -m models.published", description="Draw the README's benchmark tables from stored results.")
    parser.add_argument("--page", type=Path, default=README, help="the Markdown file (default: README.md)")
    parser.add_argument("--results", type=Path, default=PUBLISHED, help="the folder of results (default: models/results/published)")
    options = parser.parse_args(arguments)
    try:
        page = options.page.read_text(encoding="utf-8")
        names = [found["name"] for found in TABLE.finditer(page)]
        if not names:
            raise BonsaiError(f"'{options.page}' holds no table; expected '<!-- table: bench NAME -->' and '<!-- end -->', each on a line of its own")
        options.page.write_text(redraw(page, options.results), encoding="utf-8")
    except OSError as error:
        print(f"error: '{options.page}' cannot be redrawn ({error.strerror}); expected a Markdown file", file=sys.stderr)
        return 2
    except BonsaiError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{options.page}: drew {', '.join(names)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
