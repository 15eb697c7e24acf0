"""What the measurement under a quota says where it cannot be done; the engine is a script that plays one."""

import sys
from pathlib import Path

import pytest

from service.image import quota
from service.image.quota import main, rows

SERVICE = """
import http.server, json, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"variants": [{"name": "teacher"}, {"name": "int8"}]}).encode())
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""
ENGINE = """#!/bin/sh
echo "$@" >> {folder}/asked
case "$*" in
  info) ;;
  *run*--detach*) port=$(echo "$*" | sed 's/.*BENTOML_PORT=\\([0-9]*\\).*/\\1/'); {run} ;;
  *inspect*) echo {running} ;;
  *logs*) echo "first words"; echo "RuntimeError: last words" >&2 ;;
  *rm*) [ ! -e {folder}/pid ] || kill $(cat {folder}/pid) ;;
esac
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of two cores with no program but the shell's."""
    for name in ("sh", "sed", "cat"):
        found = next(folder for folder in (Path("/usr/bin"), Path("/bin")) if (folder / name).exists())
        (tmp_path / name).symlink_to(found / name)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(quota, "cores", lambda: 2.0)
    return tmp_path


def engine(folder: Path, name: str, run: str = "echo 0123", running: str = "true") -> Path:
    (folder / name).write_text(ENGINE.format(folder=folder, run=run, running=running))
    (folder / name).chmod(0o755)
    return folder / "asked"


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["localhost/bonsai", *arguments]) == 2
    out, said = capsys.readouterr()
    assert (out, said.count("\n")) == ("", 1)
    return said


def test_without_an_engine_it_says_what_brings_one(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no container engine answers; expected one of docker, podman" in refused(capsys)


def test_on_one_core_nothing_is_measured(
    machine: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quota, "cores", lambda: 1.0)
    assert refused(capsys).startswith("1 core(s) may be used here; expected two")


@pytest.mark.parametrize("name", ["docker", "podman"])
@pytest.mark.parametrize("runc", [False, True])
def test_a_container_that_ends_at_the_start_is_not_waited_for(
    machine: Path, capsys: pytest.CaptureFixture[str], name: str, runc: bool
) -> None:
    if runc:
        engine(machine, "runc")
    asked = engine(machine, name, running="false")
    assert "ended before it was ready; it said last: RuntimeError: last words" in refused(capsys)
    commands = asked.read_text().splitlines()
    assert any(f"rm --force --volumes{' --time=0' * (name == 'podman')} bonsai-quota-" in each for each in commands)
    assert all(each.startswith("--runtime=runc ") == (runc and name == "podman") for each in commands[1:])


@pytest.mark.parametrize(
    ("p99", "stopped", "kept"),
    [(4.0, 0, True), (4.0, 50, True), (80.0, 2, True), (80.0, 3, False)],
    ids=["calm", "stopped without harm", "slow by something else", "a cliff"],
)
def test_a_round_with_a_cliff_is_no_promise_kept(p99: float, stopped: int, kept: bool) -> None:
    def round_(number: int, limit: str, p99: float, stopped: int = 0) -> dict[str, object]:
        return {"round": number, "limit": limit, "p50_ms": 1.0, "p99_ms": p99, "stopped_periods": stopped}

    rounds = [round_(number, limit, 2.0) for number in range(2) for limit in ("bound", "free")]
    rounds += [round_(0, "quota", 3.0, 1), round_(1, "quota", p99, stopped)]
    about = {"variant": "nano", "rate": 900, "seconds": 20.0, "engine": "docker", "cpu": "AMD EPYC"}
    (row,) = rows({**about, "rounds": rounds})
    assert row["kept"] is kept
    assert f"+1.0 to {p99 - 2:+.1f} above the bound one's" in row["seen"]
    assert row["seen"].endswith(
        f"stopped in {1 + stopped} of 400 periods, {max(1, stopped)} of 200 in a round at the most"
    )


def test_what_the_engine_refuses_is_its_own_sentence(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = engine(machine, "podman", run='echo "Error: no such image" >&2; exit 125')
    assert "failed: Error: no such image" in refused(capsys)
    assert " bonsai-quota-" in asked.read_text().splitlines()[-1]


def test_an_image_without_the_variant_says_which_it_has(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (machine / "service.py").write_text(SERVICE)
    run = f"{sys.executable} -S {machine}/service.py $port >/dev/null 2>&1 & echo $! > {machine}/pid"
    engine(machine, "podman", run=run)
    said = refused(capsys, "--variant", "nano")
    assert "'nano' is no variant of 'localhost/bonsai'; expected one of teacher, int8" in said
