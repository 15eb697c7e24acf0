"""Our pages show the published results, not a memory of them."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from docs.scale import TABLES as SCALE
from service.evidence.simulate.table import TABLES

ROOT = Path(__file__).parents[1]
PUBLISHED = (ROOT / "models" / "results" / "published", ROOT / "loadtest" / "results" / "published")
PAGES = [
    page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), PUBLISHED[0] / "README.md")
    if "<!-- table: " in page.read_text(encoding="utf-8")
]
FAULTS = ROOT / "service" / "results" / "published"


EACH = """
import contextlib, io, json, sys
from docs.tables import main
for page in sys.argv[1:]:
    with contextlib.redirect_stderr(io.StringIO()) as said:
        code = main([page])
    print(json.dumps([code, said.getvalue()]))
"""


def draw(*pages: Path) -> subprocess.CompletedProcess[str]:
    return run("-m", "docs.tables", *map(str, pages))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own: the load test's library patches the one that imports it."""
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=600)


def test_the_pages_show_what_is_stored(tmp_path: Path) -> None:
    copies = [Path(shutil.copy(page, tmp_path / f"page{number}.md")) for number, page in enumerate(PAGES)]
    done = draw(*copies)
    assert done.returncode == 0, done.stderr
    for page, copy in zip(PAGES, copies, strict=True):
        assert copy.read_text(encoding="utf-8") == page.read_text(encoding="utf-8"), (
            f"{page} differs from the stored results; run 'python -m docs.tables'"
        )


def test_whatever_is_stored_is_shown() -> None:
    shown = {
        found
        for page in PAGES
        for found in re.findall(r"<!-- table: (\w+) ([\w.-]+) -->", page.read_text(encoding="utf-8"))
    }
    bench, load = PUBLISHED
    stored = {(json.loads(file.read_text()).get("experiment", "bench"), file.stem) for file in bench.glob("*.json")} | {
        ("faults" if file.suffix == ".json" and '"promised"' in file.read_text() else "load", file.stem)
        for file in load.iterdir()
    }
    stored |= {("verdicts", name) for name in TABLES} | {("scale", name) for name in SCALE}
    stored -= {("bench", "predict")}  # shown as scale
    stored |= {("faults", file.stem) for file in FAULTS.glob("*.json") if '"promised"' in file.read_text()}
    assert stored <= shown


REFUSED = {
    "nothing": "holds no table",
    "<!-- table: other x -->\n<!-- end -->": "no table is of the kind 'other'",
    "<!-- table: bench none -->\n<!-- end -->": "no benchmark result at",
    "<!-- table: dark_knowledge none -->\n<!-- end -->": "no result at",
    "<!-- table: generalization none -->\n<!-- end -->": "cannot be read",
    "<!-- table: softening none -->\n<!-- end -->": "holds no answers",
    "<!-- table: load none -->\n<!-- end -->": "no load test is published as 'none'",
    "<!-- table: scale none -->\n<!-- end -->": "no table of scale is called 'none'",
    "<!-- table: faults none -->\n<!-- end -->": "no faults are stored as 'none'",
    "<!-- table: verdicts none -->\n<!-- end -->": "no table of verdicts is called 'none'",
}


def test_what_cannot_be_drawn_is_one_line(tmp_path: Path) -> None:
    files = [tmp_path / f"page{number}.md" for number in range(len(REFUSED) + 1)]
    for file, page in zip(files, REFUSED, strict=False):
        file.write_text(page, encoding="utf-8")
    done = run("-c", EACH, *map(str, files))
    assert done.returncode == 0, done.stderr
    for line, said in zip(done.stdout.splitlines(), [*REFUSED.values(), "cannot be redrawn"], strict=True):
        code, error = json.loads(line)
        assert (code, error.count("\n")) == (2, 1)
        assert said in error


def test_all_but_the_tables_stays(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text("before\n<!-- table: variants banking77 -->\nold\n<!-- end -->\nafter\n", encoding="utf-8")
    assert draw(file).returncode == 0
    drawn = file.read_text(encoding="utf-8")
    assert drawn.startswith("before\n<!-- table: variants banking77 -->\n")
    assert drawn.endswith("<!-- end -->\nafter\n")
    assert "old" not in drawn
    assert "| nano |" in drawn


UNFINISHED = """
import sys
from pathlib import Path
from docs import tables
tables.BENCH = Path(sys.argv[1]).parent
sys.exit(tables.main(sys.argv[1:]))
"""


def test_a_run_that_did_not_end_is_not_drawn(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text("<!-- table: pruning cut -->\n<!-- end -->", encoding="utf-8")
    for content in ({"cells": []}, {"cells": [], "claims": [], "complete": False}, []):
        (tmp_path / "cut.json").write_text(json.dumps(content), encoding="utf-8")
        done = run("-c", UNFINISHED, str(file))
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "is of a run that did not end" in done.stderr
