"""README shows the published runs, not a memory of them."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from loadtest.numbers.recording import merged
from loadtest.numbers.run_folder import read_result
from loadtest.scenarios.server import SCENARIO
from tests.loadtest.rounds import recorded

Command = Callable[..., CompletedProcess[str]]
ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "loadtest" / "results" / "published"
KEPT = {"machine": {"cpu": "Abacus 9", "cores": 4, "usable_cores": 2}, "date": "2026-01-02T03:04:05+00:00"}


def test_readme_is_what_published_draws(tmp_path: Path, command: Command) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (tmp_path / "page.md").write_text(readme, encoding="utf-8")
    done = command("loadtest.published", "--page", tmp_path / "page.md")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == readme


def test_whatever_is_stored_stands_in_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [stored.name for stored in PUBLISHED.iterdir() if f"<!-- table: load {stored.stem} -->" not in readme] == []


def test_no_published_rate_is_promised_that_a_round_contradicts() -> None:
    promised = 0
    for folder in (folder for folder in PUBLISHED.iterdir() if folder.is_dir()):
        result = read_result(folder)
        for row in SCENARIO.summaries(result):
            rounds = result.variants[row.name].rounds(SCENARIO.name)
            if row.search is not None and row.search.promised:
                promised += 1
                assert len(rounds) >= 3
                assert all(merged([one.histogram]).get_value_at_percentile(99.0) / 1000 <= row.search.limit_ms for one in rounds)
    assert promised


def test_a_block_is_drawn_from_its_file_and_all_else_stays(tmp_path: Path, command: Command) -> None:
    quick, twice = ([{"round": number, "histogram": recorded({ms: 20}).measurement().histogram} for number in (1, 2, 3)] for ms in (2, 4))
    rates = {"ceiling": {"single": 3210.4, "closed": 5000.0, "open": 4000.0, "processes": 1}}
    (tmp_path / "ceiling.json").write_text(json.dumps(KEPT | rates), encoding="utf-8")
    (tmp_path / "again.json").write_text(
        json.dumps(KEPT | {"variant": "int8", "runs": [{"rounds": {"one": quick, "other": slow}} for slow in (quick, twice)]}), encoding="utf-8"
    )
    row = {"percentile": 99.0, "truth_ms": 201.23, "open_ms": 202.5, "closed_ms": None}
    (tmp_path / "truth.json").write_text(json.dumps(KEPT | {"percentiles": [row]}), encoding="utf-8")
    page = "before\n" + "".join(f"<!-- table: load {name} -->\nold\n<!-- end -->\n" for name in ("ceiling", "again", "truth")) + "after\n"
    (tmp_path / "page.md").write_text(page, encoding="utf-8")
    done = command("loadtest.published", "--page", tmp_path / "page.md", "--results", tmp_path)
    assert done.returncode == 0, done.stderr
    drawn = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert drawn.startswith("before\n<!-- table: load ceiling -->\n| load")
    assert drawn.endswith("\n<!-- end -->\nafter\n")
    for line in ("| one user | 3,210 |", "| 2 | 1 | ±0.0% |", "| p99 | 201.2 | 202.5 | – |"):
        assert f"{line}\n" in drawn
    assert "| A/A runs of int8 |" in drawn
    assert drawn.count("\n\nAbacus 9, 2 of 4 cores, 2026-01-02.\n<!-- end -->\n") == 3
    assert "old" not in drawn


CANNOT_BE_DRAWN = {
    "nothing": "holds no block",
    "<!-- table: load other -->\n<!-- end -->": "no block is called 'other'",
    "<!-- table: load truth -->\n<!-- end -->": "'python -m loadtest.truth' writes it",
}


def test_what_cannot_be_drawn_is_one_line(tmp_path: Path, commands: Callable[..., list[CompletedProcess[str]]]) -> None:
    pages = [tmp_path / f"page{number}.md" for number in range(len(CANNOT_BE_DRAWN))]
    for file, page in zip(pages, CANNOT_BE_DRAWN, strict=True):
        file.write_text(page, encoding="utf-8")
    given = (["--page", file, "--results", tmp_path] for file in pages)
    for done, said in zip(commands("loadtest.published", *given), CANNOT_BE_DRAWN.values(), strict=True):
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert said in done.stderr
