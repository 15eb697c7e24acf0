"""An experiment in a real service of two workers: who answers, what is written down, and what is said of it."""

import json
import re
import shlex
import time
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.service.conftest import ROOT
from tests.service.experiments.conftest import JSON, KEY, OVERRIDE, Lab, arm
from tests.service.serving.test_service import call

ARMS = [{"variant": "teacher", "weight": 0.5}, {"variant": "int8", "weight": 0.5}]


def test_a_caller_stays_with_an_arm_and_the_answer_says_which(lab: Lab) -> None:
    lab.start("sticky")
    seen: dict[str, set[str]] = {}
    for _ in range(3):
        for number in range(12):
            status, answer, headers = lab.ask(f"user-{number}")
            assert status == 200
            assert answer["arm"] == answer["variant"] == headers["x-bonsai-arm"] == headers["x-bonsai-variant"]
            assert answer["experiment"] == headers["x-bonsai-experiment"] == "sticky"
            assert headers["x-request-id"] == answer["request_id"]
            seen.setdefault(f"user-{number}", set()).add(answer["arm"])
    assert all(len(arms) == 1 for arms in seen.values())
    assert {next(iter(arms)) for arms in seen.values()} == {"teacher", "int8"}
    found = lab.await_report("sticky", lambda report: sum(each["requests"] for each in report["arms"]) == 36)
    assert sum(each["units"] for each in found["arms"]) == 12
    assert found["sample_ratio"]["mismatch"] is False


def test_an_answer_under_an_experiment_is_that_of_the_variant(lab: Lab) -> None:
    lab.start("same")
    texts = ("where is my parcel", "charged twice")
    _, answer, _ = lab.ask("somebody", texts, top_k=2)
    path = f"{lab.host}/{answer['variant']}/predict"
    _, plain, _ = call(path, json.dumps({"texts": texts, "top_k": 2}).encode())
    for own, other in zip(answer["predictions"], plain["predictions"], strict=True):
        assert own.pop("prediction_id")
        assert own == other


def test_a_unit_comes_from_a_header_a_field_or_a_cookie(lab: Lab) -> None:
    lab.start("field", unit={"field": "user"})
    arms = {lab.ask(user="anna")[1]["arm"] for _ in range(6)}
    assert len(arms) == 1
    assert lab.ask(user=7)[0] == 400
    assert lab.ask(user="anna", customer=7)[0] == 400
    assert lab.admin("/experiments/field/end", {})[0] == 200
    for _ in range(4):  # callers send their field before a worker knows of the experiment, and after its end
        assert lab.ask(user="anna")[0] == 200
    lab.start("cookie", unit={"cookie": "uid"}, salt="field")
    headers = {"Cookie": "theme=dark; uid=anna"}
    assert {lab.ask(headers=headers)[1]["arm"] for _ in range(6)} == arms
    in_two_lines = HTTPConnection(urlsplit(lab.host).netloc)
    in_two_lines.putrequest("POST", "/predict")
    for name, value in (*JSON.items(), ("Cookie", "uid=anna"), ("Cookie", "last=1"), ("Content-Length", "15")):
        in_two_lines.putheader(name, value)
    in_two_lines.endheaders(b'{"texts":["a"]}')
    assert {json.loads(in_two_lines.getresponse().read())["arm"]} == arms
    in_two_lines.close()


def test_feedback_is_counted_once_and_the_first_holds(lab: Lab) -> None:
    lab.start("feedback")
    _, answer, _ = lab.ask("anna", ("where is my parcel", "charged twice"))
    first, second = (row["prediction_id"] for row in answer["predictions"])
    given = answer["predictions"][0]["label"]
    assert lab.tell({"prediction_id": first, "label": given}) == (200, {"accepted": 1, "repeated": 0})
    assert lab.tell({"prediction_id": first, "label": given}) == (200, {"accepted": 0, "repeated": 1})
    other = "late" if given != "late" else "charge"
    status, said = lab.tell({"prediction_id": first, "label": other}, {"prediction_id": second, "label": "charge"})
    assert (status, said["accepted"], said["contradicting"]) == (409, 1, [0])
    found = arm(lab.report("feedback"), answer["arm"])
    assert found["labels"] == 2
    assert found["right"] == 1 + (answer["predictions"][1]["label"] == "charge")


def ids(lab: Lab, unit: str = "") -> str:
    return str(lab.ask(unit)[1]["predictions"][0]["prediction_id"])


@pytest.mark.parametrize(
    "changes, status, said",
    [
        ({"label": "no such label"}, 400, "expected one of cancel, charge, late, refund"),
        ({"label": 3}, 400, "feedback[0].label"),
        ({"label": None}, 400, "feedback[0].label"),
        ({"value": 0.5}, 400, "has no metric"),
        ({"colour": "red"}, 400, "unknown key 'feedback[0].colour'"),
        ({"prediction_id": "A" * 100}, 400, "is not one that this service gave"),
        ({"prediction_id": "ü"}, 400, "is not one that this service gave"),
        ({"prediction_id": ""}, 400, "is not one that this service gave"),
    ],
)
def test_feedback_that_is_not_what_is_accepted_is_refused(
    lab: Lab, changes: dict[str, Any], status: int, said: str
) -> None:
    if not any(each["name"] == "bad" for each in lab.admin("/experiments")[1]["experiments"]):
        lab.start("bad")
    found = lab.tell({"prediction_id": ids(lab), "label": "late", **changes})
    assert found[0] == status
    assert said in found[1]["error"]


@pytest.mark.parametrize("body, status", [(b"[]", 400), (b"{", 400), (b"3", 400), (b'{"feedback": 1}', 400)])
def test_a_body_that_is_no_feedback_is_refused(lab: Lab, body: bytes, status: int) -> None:
    found = call(f"{lab.host}/feedback", body)
    assert found[0] == status
    assert "prediction_id" in found[1]["error"] or "expected 1 to 1000" in found[1]["error"]


def test_too_much_feedback_at_once_is_refused_whole(lab: Lab) -> None:
    lab.start("much")
    one = {"prediction_id": ids(lab), "label": "late"}
    status, said = lab.tell(*[one] * 10_000)
    assert status == 413
    assert "at most 1000" in said["error"]
    assert lab.tell(one) == (200, {"accepted": 1, "repeated": 0})
    bad = {"prediction_id": one["prediction_id"], "label": "?"}
    assert lab.tell({"prediction_id": ids(lab), "label": "late"}, bad)[0] == 400
    assert sum(each["labels"] for each in lab.report("much")["arms"]) == 1  # all or nothing


def test_late_feedback_is_refused(lab: Lab) -> None:
    lab.start("late", window_days=1e-9)
    status, said = lab.tell({"prediction_id": ids(lab), "label": "late"})
    assert status == 410
    assert "expected feedback within" in said["error"]


def test_feedback_after_the_end_still_counts(lab: Lab) -> None:
    lab.start("ended")
    given = {"prediction_id": ids(lab), "label": "late"}
    assert lab.admin("/experiments/ended/end", {"reason": "enough"})[0] == 200
    assert lab.tell(given)[0] == 200
    found = lab.report("ended")
    assert (found["state"], found["reason"]) == ("ended", "enough")
    assert sum(each["labels"] for each in found["arms"]) == 1


def test_pause_gives_everybody_the_control_and_resume_the_same_arms_again(lab: Lab) -> None:
    lab.start("pausing")
    units = [f"user-{number}" for number in range(10)]
    before = [lab.ask(unit)[1]["arm"] for unit in units]
    assert lab.admin("/experiments/pausing/pause", {})[1]["state"] == "paused"
    lab.await_report("pausing", lambda report: report["state"] == "paused")
    lab.await_workers(lambda: "experiment" not in lab.ask(units[0])[1])
    for unit in units:
        _, answer, headers = lab.ask(unit)
        assert answer["variant"] == "teacher"
        assert "experiment" not in answer
        assert "x-bonsai-experiment" not in headers
        assert "prediction_id" not in answer["predictions"][0]
    assert lab.admin("/experiments/pausing/resume", {})[1]["state"] == "running"
    lab.await_workers(lambda: "experiment" in lab.ask(units[0])[1])
    assert [lab.ask(unit)[1]["arm"] for unit in units] == before
    what = [entry["what"] for entry in lab.report("pausing")["log"]]
    assert what == ["created", "paused", "resumed"]


def test_a_change_of_weights_is_a_new_revision_and_moves_no_more_than_it_must(lab: Lab) -> None:
    lab.start("weights", arms=[{"variant": "teacher", "weight": 0.8}, {"variant": "int8", "weight": 0.2}])
    units = [f"user-{number}" for number in range(40)]

    def arms() -> dict[str, str]:
        return {unit: lab.ask(unit)[1]["arm"] for unit in units}

    before = arms()
    status, now = lab.admin("/experiments/weights", {"arms": ARMS})
    assert (status, now["revision"]) == (200, 2)
    assert lab.admin("/experiments/weights", {"arms": ARMS})[1]["revision"] == 2
    lab.await_workers(lambda: arms() != before)
    after = arms()
    assert {(before[unit], after[unit]) for unit in units if before[unit] != after[unit]} == {("teacher", "int8")}
    entry = lab.report("weights")["log"][-1]
    assert (entry["what"], [arm["weight"] for arm in entry["detail"]["arms"][1]]) == ("changed", [0.5, 0.5])


def test_an_override_is_obeyed_where_it_is_allowed_and_counted_nowhere(lab: Lab) -> None:
    lab.start("closed", override=False)
    wanted: dict[str, Any] = {"headers": OVERRIDE}
    lab.await_workers(lambda: lab.ask(**wanted)[0] == 403)
    assert lab.ask(headers={"X-Bonsai-Variant": ""})[0] == 200
    lab.start("open", override=True)
    for _ in range(4):
        _, answer, _ = lab.ask("anna", **wanted)
        assert answer["arm"] == "int8"
    assert lab.tell({"prediction_id": answer["predictions"][0]["prediction_id"], "label": "late"})[0] == 200
    assert lab.ask(headers={"X-Bonsai-Variant": "pruned"})[0] == 404
    lab.ask("anna")
    found = lab.await_report("open", lambda report: any(each["requests"] for each in report["arms"]))
    assert sum(each["requests"] for each in found["arms"]) == 1
    assert sum(each["labels"] for each in found["arms"]) == 0
    assert lab.admin("/experiments/open/pause", {})[0] == 200
    lab.await_workers(lambda: "arm" not in lab.ask(**wanted)[1])
    for _ in range(4):  # the control answers everybody
        status, answer, _ = lab.ask(**wanted)
        assert (status, answer["variant"], "arm" in answer) == (200, "teacher", False)


def test_a_shadow_answers_what_the_variant_would(lab: Lab) -> None:
    lab.start("unseen", mode="shadow")
    texts = ("where is my parcel", "charged twice", "money back please")
    asked = list[Any]()

    def is_paired(report: dict[str, Any]) -> bool:
        # The process takes a while to start, and computes when nobody else wants to.
        asked.append(lab.ask("anna", texts)[1])
        return arm(report)["agreement"] is not None

    lab.await_report("unseen", is_paired, 240)
    answer = asked[-1]
    assert {each["variant"] for each in asked} == {"teacher"}
    _, own, _ = call(f"{lab.host}/int8/predict", json.dumps({"texts": texts}).encode())
    same = [a["label"] == b["label"] for a, b in zip(answer["predictions"], own["predictions"], strict=True)]
    for row in answer["predictions"]:
        assert lab.tell({"prediction_id": row["prediction_id"], "label": row["label"]})[0] == 200
    found = lab.await_report("unseen", lambda report: (arm(report)["paired"] or {"n": 0})["n"] == len(texts), 240)
    assert arm(found)["agreement"]["share"] == pytest.approx(sum(same) / len(same))
    assert arm(found)["requests"] == 0
    paired = arm(found)["paired"]
    assert paired["drop"] == pytest.approx(100 * (1 - sum(same) / len(same)))


def test_a_broken_guardrail_returns_everybody_to_the_control(lab: Lab) -> None:
    lab.start("guarded", guardrails={"latency": {"most": 0.001, "minimum": 200}})
    for number in range(60):
        lab.ask(f"user-{number}", ("where is my parcel",))
    assert lab.report("guarded")["state"] == "running"  # too few to say
    for number in range(60, 520):
        lab.ask(f"user-{number}")
    found = lab.await_report("guarded", lambda report: report["state"] == "tripped")
    assert "'int8' breaks the guardrail 'latency'" in found["reason"]
    assert arm(found)["decision"] == "do_not"
    assert found["log"][-1]["actor"] == "service"
    lab.await_workers(lambda: "experiment" not in lab.ask("user-0")[1])
    assert {lab.ask(f"user-{number}")[1]["variant"] for number in range(20)} == {"teacher"}
    assert lab.admin("/experiments/guarded/resume", {})[1]["state"] == "running"  # a person may
    time.sleep(2)
    assert lab.report("guarded")["state"] == "running"  # and it is judged by what comes now


def test_an_experiment_ends_by_its_own_rule(lab: Lab) -> None:
    lab.start("short", stop={"labels": 3})
    for _ in range(3):
        assert lab.tell({"prediction_id": ids(lab), "label": "late"})[0] == 200
    found = lab.await_report("short", lambda report: report["state"] == "ended")
    assert "stop.labels" in found["reason"]


def test_the_report_says_what_was_written_down_and_the_list_what_is_decided(lab: Lab) -> None:
    lab.start("written")
    before = lab.report("written")["recording"]["written"]
    for _ in range(5):
        lab.ask("anna")

    def is_written(report: dict[str, Any]) -> bool:
        counted, recording = sum(each["requests"] for each in report["arms"]), report["recording"]
        return bool(counted == 5 and recording["written"] >= before + 5 and recording["pending"] == 0)

    lab.await_report("written", is_written)
    listed = {each["name"]: each for each in lab.admin("/experiments")[1]["experiments"]}
    assert listed["written"]["decisions"] == {"int8": "undecided"}


def test_kept_texts_can_be_removed_by_unit(lab: Lab) -> None:
    lab.start("texts", keep_texts_days=1.0)
    lab.ask("anna"), lab.ask("bert")
    lab.await_report("texts", lambda report: sum(each["requests"] for each in report["arms"]) == 2)
    assert lab.admin("/experiments/texts/units/anna", method="DELETE") == (200, {"removed": 1})
    assert lab.admin("/experiments/texts/units/anna", method="DELETE") == (200, {"removed": 0})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": KEY},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": f"Bearer {KEY}x"},
        {"Authorization": f"Bearer {KEY[:-1]}"},
    ],
)
def test_without_the_key_nothing_is_shown_or_changed(lab: Lab, headers: dict[str, str]) -> None:
    for path, body in (("", None), ("", b"{}"), ("/x", None), ("/x", b"{}"), ("/x/end", b"{}")):
        status, said, given = call(f"{lab.host}/experiments{path}", body, headers={**JSON, **headers})
        assert status == 401
        assert given["www-authenticate"] == "Bearer"
        assert "Bearer" in said["error"]


def test_one_experiment_runs_at_a_time_and_a_name_is_used_once(lab: Lab) -> None:
    lab.start("first")
    definition = {"name": "second", "control": "teacher", "arms": ARMS}
    status, said = lab.admin("/experiments", definition)
    assert status == 409
    assert "'first' runs on POST /predict" in said["error"]
    assert lab.admin("/experiments", {**definition, "name": "first"})[0] == 409
    assert lab.admin("/experiments/first/end", {})[0] == 200
    assert lab.admin("/experiments/first/resume", {})[0] == 409
    assert lab.admin("/experiments", {**definition, "name": "first"})[0] == 409
    assert lab.admin("/experiments/first", {"traffic": 0.5})[0] == 409


@pytest.mark.parametrize(
    "method, path, body, status",
    [
        (None, "/experiments", b"{", 400),
        (None, "/experiments", b'{"name": "a", "name": "b"}', 400),
        (None, "/experiments", b'{"margin": NaN}', 400),
        (None, "/experiments", b"[" * 100_000, 400),
        (None, "/experiments", b"null", 400),
        (None, "/experiments/nope", None, 404),
        (None, "/experiments/nope", b'{"traffic": 0.5}', 404),
        (None, "/experiments/nope/pause", b"{}", 404),
        (None, "/experiments/nope/fly", b"{}", 404),
        ("PUT", "/experiments", b"{}", 405),
        ("DELETE", "/experiments/nope", None, 405),
    ],
)
def test_other_requests_are_refused_in_one_sentence(
    lab: Lab, method: str | None, path: str, body: bytes | None, status: int
) -> None:
    found = call(f"{lab.host}{path}", body, method, {**JSON, "Authorization": f"Bearer {KEY}"})
    assert found[0] == status
    assert "\n" not in found[1]["error"]


def test_without_an_experiment_the_teacher_answers(lab: Lab) -> None:
    lab.start("over")
    lab.admin("/experiments/over/end", {})
    lab.await_workers(lambda: "experiment" not in lab.ask()[1])
    _, answer, headers = lab.ask()
    assert answer["variant"] == headers["x-bonsai-variant"] == "teacher"
    assert "experiment" not in answer


def test_the_requests_of_the_page_are_answered(lab: Lab) -> None:
    page = (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8")
    start, ask, show = re.findall(r"^curl .*$", page, re.MULTILINE)
    for each in lab.admin("/experiments")[1]["experiments"]:
        assert lab.admin(f"/experiments/{each['name']}/end", {})[0] == 200
    definition = shlex.split(start)[-1].replace('"nano"', '"int8"')
    assert lab.admin("/experiments", json.loads(definition))[0] == 201
    given = shlex.split(ask)
    header = dict([given[given.index("-H") + 1].split(": ")])
    lab.await_workers(lambda: lab.ask(headers=header)[1].get("experiment") == "nano_ab")
    status, answer, _ = lab.ask(headers=header, texts=json.loads(given[-1])["texts"])
    assert (status, answer["experiment"]) == (200, "nano_ab")
    assert "localhost:3000/experiments/nano_ab" in show
    assert lab.report("nano_ab")["arms"]
