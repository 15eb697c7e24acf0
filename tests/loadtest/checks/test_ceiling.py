import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess


def test_the_ceiling_is_measured_in_both_loops(tmp_path: Path, command: Callable[..., CompletedProcess[str]]) -> None:
    done = command("loadtest.ceiling", "--seconds", 0.4, "--out", tmp_path / "ceiling.json")
    assert done.returncode == 0, done.stderr
    kept = json.loads((tmp_path / "ceiling.json").read_text(encoding="utf-8"))
    assert "ceiling: what the generator itself can send, users: " in done.stderr
    assert "ceiling: what the generator itself can send, open loop at " in done.stderr
    assert kept["ceiling"]["single"] > 0
    assert kept["ceiling"]["closed"] > 0
    assert kept["ceiling"]["open"] in [
        0.0,
        *(round(one["rate"], 1) for one in kept["ceiling"]["search"]),
    ]  # 0: other work fills the machine
    assert {"date", "commit", "python", "libraries"} <= kept.keys()
