"""Experiments while things go wrong: a store that is away, a service that is killed, settings that are none."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.service.conftest import PATIENT, ROOT, serving, until
from tests.service.experiments.conftest import KEY, Lab, arm

BENTOML = Path(sys.executable).with_name("bentoml")
YAML = """
name: from_file
control: teacher
arms: [{variant: teacher, weight: 0.5}, {variant: int8, weight: 0.5}]
unit: {header: X-User-Id}
"""


@contextmanager
def service(built: Path, database: Path, log: Path, **more: str) -> Iterator[Lab]:
    environment = {
        "BONSAI_VARIANTS": str(built), "BONSAI_WORKERS": "1", "BONSAI_ADMIN_KEY": KEY,
        "BONSAI_DATABASE_URL": f"sqlite:///{database}", **PATIENT, **more,
    }  # fmt: skip
    with serving("service.service:bonsai", ROOT, environment, BENTOML, log) as host:
        yield Lab(host, database)


def test_predictions_go_on_whatever_the_store_does(built: Path, tmp_path: Path) -> None:
    folder, log = tmp_path / "store", tmp_path / "log.txt"
    with service(built, folder / "lab.sqlite", log) as lab:
        assert lab.ask("anna")[1]["variant"] == "teacher"
        status, said = lab.admin("/experiments")
        assert status == 503
        assert "\n" not in said["error"]
        folder.mkdir()  # it comes while the service runs
        until(lambda: lab.admin("/experiments")[0] == 200)
        lab.start("away")
        _, answer, _ = lab.ask("anna")
        given = {"prediction_id": answer["predictions"][0]["prediction_id"], "label": "late"}
        lab.await_report("away", lambda report: arm(report, answer["arm"])["requests"] == 1)
        folder.rename(tmp_path / "elsewhere")  # it goes
        assert lab.ask("anna")[1]["arm"] == answer["arm"]
        status, said = lab.tell(given)
        assert status == 503
        assert "\n" not in said["error"]
        (tmp_path / "elsewhere").rename(folder)  # and comes back
        until(lambda: lab.tell(given)[0] == 200)
        lab.await_report("away", lambda report: arm(report, answer["arm"])["requests"] >= 1)
    said_once = [line for line in log.read_text().splitlines() if "predictions go on" in line]
    assert said_once
    assert "Traceback" not in log.read_text()


def test_another_service_takes_feedback_about_an_experiment_that_has_just_begun(built: Path, tmp_path: Path) -> None:
    """Also before it has looked at the store that they share."""
    database = tmp_path / "lab.sqlite"
    with (
        service(built, database, tmp_path / "one.txt") as one,
        service(built, database, tmp_path / "two.txt") as two,
    ):
        for number in range(3):
            one.start(f"brief-{number}", waits=False)
            given = one.ask()[1]["predictions"][0]["prediction_id"]
            assert two.tell({"prediction_id": given, "label": "late"}) == (200, {"accepted": 1, "repeated": 0})


def test_a_killed_service_knows_all_it_knew(built: Path, tmp_path: Path) -> None:
    database, file = tmp_path / "lab.sqlite", tmp_path / "experiments.yaml"
    file.write_text(YAML)
    units = [f"user-{number}" for number in range(12)]
    with service(built, database, tmp_path / "one.txt", BONSAI_EXPERIMENTS=str(file)) as lab:
        answers = {unit: lab.ask(unit)[1] for unit in units}
        assert {answer["arm"] for answer in answers.values()} == {"teacher", "int8"}
        first, second = (answers[unit]["predictions"][0]["prediction_id"] for unit in units[:2])
        assert lab.tell({"prediction_id": first, "label": "late"})[0] == 200
        for process in psutil.process_iter(["environ"]):
            if (process.info["environ"] or {}).get("BONSAI_DATABASE_URL") == lab.database:
                process.send_signal(signal.SIGKILL)
    with service(built, database, tmp_path / "two.txt", BONSAI_EXPERIMENTS=str(file)) as lab:
        assert {unit: lab.ask(unit)[1]["arm"] for unit in units} == {unit: answers[unit]["arm"] for unit in units}
        assert lab.tell({"prediction_id": first, "label": "late"}) == (200, {"accepted": 0, "repeated": 1})
        assert lab.tell({"prediction_id": second, "label": "late"}) == (200, {"accepted": 1, "repeated": 0})
        found = lab.report("from_file")
        assert [entry["what"] for entry in found["log"]] == ["created"]
        assert found["log"][0]["actor"] == "experiments.yaml"


@pytest.mark.parametrize(
    "name, value, said",
    [
        ("BONSAI_ADMIN_KEY", "short", "BONSAI_ADMIN_KEY has 5 characters"),
        ("BONSAI_DEFAULT_VARIANT", "bert", "BONSAI_DEFAULT_VARIANT is 'bert'; expected one of teacher"),
        ("BONSAI_DATABASE_URL", "mysql://root:secret@here/x", "expected"),
        ("BONSAI_EXPERIMENTS", YAML.replace("int8", "bert"), "the arm 'bert' is no variant"),
        ("BONSAI_EXPERIMENTS", "", "cannot be read"),
        ("BONSAI_EXPERIMENTS", "a pipe", "cannot be read (it is no file of its own)"),
    ],
)
def test_a_wrong_setting_ends_the_start_with_a_sentence(
    built: Path, tmp_path: Path, name: str, value: str, said: str
) -> None:
    if name == "BONSAI_EXPERIMENTS":
        file = tmp_path / "experiments.yaml"
        if value == "a pipe":
            os.mkfifo(file)
        elif value:
            file.write_text(value)
        value = str(file)
    environment = {
        **os.environ, "BONSAI_VARIANTS": str(built), "BONSAI_ADMIN_KEY": KEY,
        "BONSAI_DATABASE_URL": f"sqlite:///{tmp_path / 'lab.sqlite'}", name: value,
    }  # fmt: skip
    command = [str(BENTOML), "serve", "service.service:bonsai", "--port", "0"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert ended.returncode != 0
    assert said in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr + ended.stdout
    assert "secret" not in ended.stderr + ended.stdout
