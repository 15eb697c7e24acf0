"""Published runs and checks, and what they may claim."""

import json
from pathlib import Path

from loadtest.numbers.recording import merged
from loadtest.numbers.run_folder import read_result
from loadtest.scenarios.server import SCENARIO
from loadtest.serving.result import write_result
from tests.loadtest.conftest import Forks
from tests.loadtest.rounds import recorded
from tests.loadtest.serving.conftest import figures, stored

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "loadtest" / "results" / "published"
KEPT = {"machine": {"cpu": "Abacus 9", "cores": 4, "usable_cores": 2}, "date": "2026-01-02T03:04:05+00:00"}


def draw(forks: Forks, results: Path, name: str) -> str:
    code = (
        "import sys; from pathlib import Path; from loadtest.published import published; "
        "print(published(Path(sys.argv[1]), sys.argv[2]))"
    )
    done = forks.run(code, results, name)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_no_published_rate_is_promised_that_a_round_contradicts() -> None:
    promised = 0
    for folder in (folder for folder in PUBLISHED.iterdir() if folder.is_dir()):
        result = read_result(folder)
        for row in SCENARIO.summaries(result):
            rounds = result.variants[row.name].rounds(SCENARIO.name)
            if row.search is not None and row.search.promised:
                promised += 1
                assert len(rounds) >= 3
                assert all(
                    merged([one.histogram]).get_value_at_percentile(99.0) / 1000 <= row.search.limit_ms
                    for one in rounds
                )
    assert promised


def test_a_check_is_drawn_from_its_file(tmp_path: Path, forks: Forks) -> None:
    quick, twice = (
        [{"round": number, "histogram": recorded({ms: 20}).measurement().histogram} for number in (1, 2, 3)]
        for ms in (2, 4)
    )
    rates = {"ceiling": {"single": 3210.4, "closed": 5000.0, "open": 4000.0, "processes": 1}}
    (tmp_path / "ceiling.json").write_text(json.dumps(KEPT | rates), encoding="utf-8")
    (tmp_path / "again.json").write_text(
        json.dumps(
            KEPT | {"variant": "int8", "runs": [{"rounds": {"one": quick, "other": slow}} for slow in (quick, twice)]}
        ),
        encoding="utf-8",
    )
    row = {"percentile": 99.0, "truth_ms": 201.23, "open_ms": 202.5, "closed_ms": None}
    (tmp_path / "truth.json").write_text(json.dumps(KEPT | {"percentiles": [row]}), encoding="utf-8")
    drawn = "\n".join(draw(forks, tmp_path, name) for name in ("ceiling", "again", "truth"))
    for line in ("| one user | 3,210 |", "| 2 | 1 | ±0.0% |", "| p99 | 201.2 | 202.5 | – |"):
        assert f"{line}\n" in drawn
    assert "| A/A runs of int8 |" in drawn
    assert drawn.count("\n\nAbacus 9, 2 of 4 cores, 2026-01-02.\n") == 3


def test_a_comparison_of_servers_is_drawn_from_its_file(tmp_path: Path, forks: Forks) -> None:
    rounds = [{"ours": {"1x1": figures(1000, 1)}, "mosec": {"1x1": figures(500, 2)}}] * 3
    write_result(tmp_path / "serving.json", stored(rounds))
    drawn = draw(forks, tmp_path, "serving")
    assert "| one text a request, 1 connection | 2.00 [2.00, 2.00] |" in drawn
    assert drawn.endswith("\n\nAbacus 9, 2 of 4 cores, 2026-01-02.\n\n")
