"""README shows the published run, not a memory of it."""

from pathlib import Path

from loadtest.result import read_result
from loadtest.table import markdown

ROOT = Path(__file__).parents[2]


def test_readme_holds_the_table_of_the_published_run() -> None:
    table = markdown(read_result(ROOT / "loadtest" / "results" / "published" / "demo"))
    assert table.strip() in (ROOT / "README.md").read_text(encoding="utf-8")
