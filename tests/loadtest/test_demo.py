import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.demo import _stop

ROOT = Path(__file__).parents[2]
STEP = """
import signal, sys, time

def draw(number, frame):
    time.sleep(0.5)
    print(f"drawn after {signal.Signals(number).name}", flush=True)
    sys.exit(130)

signal.signal(signal.SIGINT, draw)
signal.signal(signal.SIGTERM, draw)
print("started", flush=True)
time.sleep(30)
"""
DEMO = (
    "import signal, sys; from loadtest import demo; signal.signal(signal.SIGTERM, demo._end); "
    "sys.exit(demo._run('step'))"
)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_step_that_is_interrupted_still_draws(tmp_path: Path, sent: signal.Signals, code: int) -> None:
    (tmp_path / "step.py").write_text(STEP, encoding="utf-8")
    paths = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    with subprocess.Popen(
        [sys.executable, "-c", DEMO], env=paths, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as demo:
        assert demo.stdout is not None
        assert [demo.stdout.readline() for _ in range(2)] == ["$ python -m step\n", "started\n"]
        if sent == signal.SIGINT:
            os.killpg(demo.pid, sent)  # as a terminal's Ctrl-C does
        else:
            demo.send_signal(sent)
        assert demo.stdout.read() == f"drawn after {sent.name}\n"
    assert demo.returncode == code


def test_what_a_step_prints_shows_at_once_without_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "step.py").write_text("import time\nprint('half way')\ntime.sleep(30)\n", encoding="utf-8")
    paths = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    with subprocess.Popen([sys.executable, "-c", DEMO], env=paths, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        assert [demo.stdout.readline() for _ in range(2)] == ["$ python -m step\n", "half way\n"]
        demo.send_signal(signal.SIGTERM)


def test_a_server_that_died_is_stopped_without_an_error() -> None:
    server = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    server.wait()
    _stop(server)
