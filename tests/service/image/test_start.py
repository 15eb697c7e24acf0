import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from service.image.start import refusal
from tests.service.conftest import ROOT, until

SCRIPT = ROOT / "service" / "image" / "start.py"


@pytest.mark.parametrize("name", ["BENTOML_HOME", "TMPDIR"])
def test_a_volume_that_cannot_be_written_is_a_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    settings = {"BENTOML_HOME": str(tmp_path), "TMPDIR": str(tmp_path), name: str(tmp_path / "file")}
    done = subprocess.run([sys.executable, SCRIPT, "none"], env=os.environ | settings, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"error: '{tmp_path / 'file'}' ({name}) cannot be written by user {os.getuid()}")


def test_a_volume_that_can_be_written_is_no_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BENTOML_HOME", "TMPDIR"):
        monkeypatch.setenv(name, str(tmp_path))
    assert refusal() == ""
    assert list(tmp_path.iterdir()) == []


def test_it_ends_while_it_starts(built: Path, tmp_path: Path) -> None:
    settings = {
        "BENTOML_HOME": os.environ["BENTOML_HOME"],
        "BONSAI_VARIANTS": str(built),
        "TMPDIR": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, str(SCRIPT), "service.service:bonsai", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, stderr=subprocess.PIPE, text=True) as process:
        until(lambda: catches_sigterm(process.pid))
        process.terminate()
        _, said = process.communicate(timeout=600)
    assert process.returncode == 128 + signal.SIGTERM, said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def catches_sigterm(pid: int) -> bool:
    (caught,) = re.findall(r"^SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)
