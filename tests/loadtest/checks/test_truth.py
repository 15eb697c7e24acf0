import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess


def test_client_and_server_count_the_same_requests(
    tmp_path: Path, command: Callable[..., CompletedProcess[str]]
) -> None:
    done = command("loadtest.truth", "--seconds", 2, "--out", tmp_path / "truth.json")
    assert done.returncode in (0, 1), done.stderr  # whether the times agree is for a quiet machine to say
    kept = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))
    assert 0 < kept["answers"] == kept["raw"]["open"]["right"]
    assert [row["percentile"] for row in kept["percentiles"]] == [50.0, 95.0, 99.0]
    assert (kept["pause_shows"], kept["closed_loop_hides_it"]) == (False, False)  # two seconds are too few for a p99
    assert {"date", "commit", "python", "libraries"} <= kept.keys()
    assert min(kept["raw"]["truth_ms"]) > 1
    assert "| p50 | " in done.stdout
    assert all(
        f"truth: {said}" in done.stderr
        for said in ("0 of 2 done, open loop for 2 s", "1 of 2 done, closed loop for 2 s")
    )
