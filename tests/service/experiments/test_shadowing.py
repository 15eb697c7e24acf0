"""The process of shadows: what it answers goes to the one that writes."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.runtime.store import read_build
from service.experiments.records import MOST_BYTES, decode
from service.experiments.shadow import Row, Shadow, Work
from service.store.rows import Shadow as ShadowRow
from tests.service.conftest import ROOT

TEXTS = 70  # more than go into one datagram


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "records"))
        listener.settimeout(120)
        yield listener


@pytest.fixture
def process(built: Path, tmp_path: Path, recorder: socket.socket) -> Iterator["subprocess.Popen[bytes]"]:
    folders = [f"{name}={built / name}" for name in read_build(built).variants]
    command = [
        sys.executable,
        "-m",
        "service.experiments.shadowing",
        str(tmp_path / "shadows"),
        str(tmp_path / "records"),
    ]
    with subprocess.Popen([*command, *folders], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        until = time.monotonic() + 120
        while not (tmp_path / "shadows").exists() and time.monotonic() < until:
            time.sleep(0.05)
        yield process
        process.kill()


def rows(recorder: socket.socket, count: int) -> list[ShadowRow]:
    found = list[ShadowRow]()
    while len(found) < count:
        found += [row for row in decode(recorder.recv(MOST_BYTES)) if isinstance(row, ShadowRow)]
    return found


def test_answers_reach_the_recorder_and_the_process_ends_when_it_is_asked_to(
    process: "subprocess.Popen[bytes]", recorder: socket.socket, tmp_path: Path
) -> None:
    shadow = Shadow(tmp_path / "shadows")
    asked = [Row(f"key{number}", f"where is parcel {number}", "arrival", 0.5) for number in range(TEXTS)]
    shadow.offer(Work("ab", 2, "teacher", "v", ["int8"], 7.0, asked))
    found = rows(recorder, TEXTS)
    assert [row.prediction_id for row in found] == [row.key for row in asked]
    assert {(row.experiment, row.revision, row.served, row.arm, row.at) for row in found} == {
        ("ab", 2, "teacher", "int8", 7.0)
    }
    shadow.offer(Work("ab", 3, "teacher", "v", ["int8"], 7.0, asked[:1]))
    assert rows(recorder, 1)[0].revision == 3
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    shadow.close()
