"""What is said of an experiment whose truth is known."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.experiments import changes, table
from service.experiments.__main__ import main
from service.experiments.definition import read
from service.experiments.guardrails import breach, judge_guardrails, stop_reason
from service.experiments.report import listed, report
from service.experiments.running import TRIPPED
from service.experiments.table import lines
from service.store.rows import Served, Shadow, Truth
from service.store.store import Store
from tests.service.experiments.conftest import arm

NOW = 1_800_000_000.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(f"sqlite:///{tmp_path / 'lab.sqlite'}")
    found.migrate()
    yield found
    found.close()


def start(store: Store, weights: tuple[float, float] = (0.5, 0.5), **more: Any) -> None:
    arms = [{"variant": name, "weight": weight} for name, weight in zip(("teacher", "nano"), weights, strict=True)]
    changes.create(store, read({"name": "x", "control": "teacher", "arms": arms, **more}), "test")


def fill(
    store: Store,
    n: int,
    control_right: float,
    arm_right: float,
    *,
    share: float = 0.5,
    faster: float = 4.0,
    failing: float = 0.0,
    seed: int = 0,
    revision: int = 1,
    ms: float = 4.0,
) -> None:
    """Write `n` requests of split traffic, all of them labelled; the control takes so many milliseconds."""
    random = np.random.default_rng(seed)
    served, truths = [], []
    for number in range(n):
        is_arm = random.random() < share
        name, right, mean = ("nano", arm_right, ms / faster) if is_arm else ("teacher", control_right, ms)
        label = "a" if random.random() < right else "b"
        fails = is_arm and random.random() < failing
        key, at = f"{revision}.{number:x}", NOW + number
        served.append(
            Served(
                key,
                "x",
                revision,
                name,
                "v",
                f"{number:016x}",
                at,
                label,
                0.9,
                mean * random.lognormal(0, 0.2),
                500 if fails else 200,
            )
        )
        truths.append(Truth(key, "x", revision, name, label, "a", None, at, at))
    store.write(served, (), truths)


def weigh(store: Store, teacher: float, nano: float) -> int:
    """Change the weights, and return the revision."""
    arms = [{"variant": "teacher", "weight": teacher}, {"variant": "nano", "weight": nano}]
    return changes.change(store, "x", {"arms": arms}, "test", ["teacher", "nano"]).revision


def fill_pairs(store: Store, n: int, control_only: float, arm_only: float, *, labelled: bool = True) -> None:
    """Write `n` requests of the control and what the arm said unseen."""
    random = np.random.default_rng(0)
    served, shadows, truths = [], [], []
    for number in range(n):
        draw, key, at = random.random(), f"{number:x}", NOW + number
        given, other = (
            ("a", "b") if draw < control_only else ("b", "a") if draw < control_only + arm_only else ("a", "a")
        )
        served.append(Served(key, "x", 1, "teacher", "v", "", at, given, 0.9, 4.0, 200))
        shadows.append(
            Shadow(key, "x", 1, "teacher", given, 0.9, 4 + random.random(), "nano", "v", other, 0.9, 1.0, at)
        )
        truths.append(Truth(key, "x", 1, "teacher", given, "a", None, at, at))
    store.write(served, shadows, truths if labelled else ())


def test_an_arm_that_is_as_good_and_faster_is_shipped(store: Store) -> None:
    start(store, margin=3.0)
    fill(store, 12_000, 0.92, 0.925)
    found = arm(report(store, "x"), "nano")
    assert (found["verdict"], found["decision"]) == ("not_worse", "ship")
    assert found["latency"]["ratio"] == pytest.approx(0.25, abs=0.01)
    assert "ship it: 'nano' is not worse than 'teacher' by the margin of 3" in found["sentence"]


def test_an_arm_that_is_worse_is_not_shipped_however_fast(store: Store) -> None:
    start(store)
    fill(store, 8_000, 0.92, 0.86)
    found = arm(report(store, "x"), "nano")
    assert (found["verdict"], found["decision"]) == ("worse", "do_not")
    assert 3 < found["split"]["low"] < found["split"]["drop"] < found["split"]["high"] < 11
    assert "is worse than 'teacher'" in found["sentence"]


def test_an_arm_that_is_as_good_and_no_faster_is_not_shipped_yet(store: Store) -> None:
    start(store, margin=3.0)
    fill(store, 12_000, 0.92, 0.925, faster=1.0)
    found = arm(report(store, "x"), "nano")
    assert (found["verdict"], found["decision"]) == ("not_worse", "undecided")
    assert "is not proven" in found["sentence"]


def test_a_few_labels_decide_nothing_and_say_how_many_more(store: Store) -> None:
    start(store)
    fill(store, 300, 0.92, 0.91)
    found = arm(report(store, "x"), "nano")
    assert (found["verdict"], found["decision"]) == ("undecided", "undecided")
    assert found["split"]["further"] > 300
    assert "more labels of its own are expected to decide" in found["sentence"]


def test_units_that_do_not_come_as_promised_withhold_every_verdict(store: Store) -> None:
    start(store)
    fill(store, 8_000, 0.92, 0.86, share=0.4)
    whole = report(store, "x")
    assert whole["sample_ratio"]["mismatch"]
    found = arm(whole, "nano")
    assert (found["verdict"], found["decision"]) == ("withheld", "withheld")
    assert "find out why" in found["sentence"]
    assert table.exit_code(whole) == 2


def test_units_are_held_against_the_weights_of_their_time(store: Store) -> None:
    start(store)
    fill(store, 2_000, 0.92, 0.92)
    weigh(store, 0.9, 0.1)
    ratio = report(store, "x")["sample_ratio"]  # nobody has come since
    assert (ratio["counts"], ratio["mismatch"]) == ({"teacher": 0, "nano": 0}, False)


def test_a_mismatch_is_in_every_later_verdict(store: Store) -> None:
    """What came then is counted on, whatever is changed since."""
    start(store, margin=3.0)
    fill(store, 12_000, 0.92, 0.925, share=1 / 3)
    revision = changes.change(store, "x", {"window_days": 8.0}, "test", ["teacher", "nano"]).revision
    fill(store, 100, 0.92, 0.925, revision=revision)
    whole = report(store, "x")
    assert (whole["sample_ratio"]["mismatch"], whole["sample_ratio"]["revision"]) == (True, 1)
    assert arm(whole, "nano")["decision"] == "withheld"
    assert "revision 1, e-value" in "\n".join(table.lines(whole))


def test_other_weights_at_other_hours_are_no_other_latency(store: Store) -> None:
    """Both arms are as fast as each other by night and by day, and the arm is asked more often by day."""
    start(store, (0.9, 0.1), margin=3.0, guardrails={"latency": {"most": 1.5}})
    fill(store, 4_000, 0.92, 0.925, share=0.1, faster=1.0, ms=3.0)
    fill(store, 4_000, 0.92, 0.925, faster=1.0, ms=10.0, revision=weigh(store, 0.5, 0.5))
    found = arm(report(store, "x"), "nano")["latency"]
    assert found["low"] < 1 < found["high"]
    assert not breach(store, changes.find(store, "x"))


def test_a_broken_guardrail_condemns_its_own_arm_alone(store: Store) -> None:
    arms = [{"variant": name, "weight": 1 / 3} for name in ("teacher", "nano", "fast_nano")]
    changes.create(store, read({"name": "x", "control": "teacher", "arms": arms}), "test")
    reason = "'fast_nano' breaks the guardrail 'latency': 3 [2.9, 3.1] over 900, above 2"
    changes.move(store, changes.find(store, "x"), TRIPPED, "tripped", "service", reason)
    whole = report(store, "x")
    assert [arm(whole, name)["decision"] for name in ("nano", "fast_nano")] == ["undecided", "do_not"]


def test_pairs_decide_with_few_labels(store: Store) -> None:
    start(store, mode="shadow")
    fill_pairs(store, 1_500, 0.045, 0.015)
    found = arm(report(store, "x"), "nano")
    assert found["verdict"] == "worse"
    assert found["paired"]["n"] == 1_500
    assert found["split"] is None
    assert found["latency"]["ratio"] < 0.3


def test_without_one_label_an_arm_that_nearly_always_agrees_is_not_worse(store: Store) -> None:
    start(store, mode="shadow")
    fill_pairs(store, 4_000, 0.001, 0.001, labelled=False)
    found = arm(report(store, "x"), "nano")
    assert (found["verdict"], found["decision"], found["labels"]) == ("not_worse", "ship", 0)
    assert "get another label" in found["sentence"]


def test_the_history_ends_where_the_report_is(store: Store) -> None:
    start(store)
    fill(store, 2_000, 0.9, 0.85)
    whole = report(store, "x")
    line = whole["history"]["nano"]
    assert 10 < len(line) <= 50
    assert [point["n"] for point in line] == sorted(point["n"] for point in line)
    for bound in ("drop", "low", "high"):
        assert line[-1][bound] == pytest.approx(arm(whole, "nano")["split"][bound])
    assert line[-1]["high"] - line[-1]["low"] < line[0]["high"] - line[0]["low"]


def test_labels_of_split_traffic_are_drawn_beside_pairs(store: Store) -> None:
    start(store, mode="both")
    fill(store, 500, 0.9, 0.85)
    fill_pairs(store, 500, 0.05, 0.02)
    whole = report(store, "x")
    assert {point["kind"] for point in whole["history"]["nano"]} == {"split", "paired"}
    for kind in ("split", "paired"):
        last = [point for point in whole["history"]["nano"] if point["kind"] == kind][-1]
        assert last["drop"] == pytest.approx(arm(whole, "nano")[kind]["drop"])


def test_the_log_keeps_why_an_experiment_stood_still(store: Store) -> None:
    start(store)
    changes.move(store, changes.find(store, "x"), TRIPPED, "tripped", "service", "error_rate of 'nano' is 0.4")
    changes.command(store, "x", "resume", "admin")
    found = report(store, "x")
    assert found["reason"] == ""
    assert [entry["detail"] for entry in found["log"]][1:] == [{"reason": "error_rate of 'nano' is 0.4"}, {}]


def test_a_verdict_of_two_models_says_so(store: Store) -> None:
    start(store)
    fill(store, 500, 0.9, 0.85)
    assert "replaced" not in arm(report(store, "x"), "nano")["sentence"]
    changes.replaced(store, changes.find(store, "x"), "service", {"nano": ["old", "new"]})
    found = report(store, "x")
    assert "; a new build has replaced the model of 'nano' since" in arm(found, "nano")["sentence"]
    assert (found["revision"], found["state"], found["log"][-1]["what"]) == (2, "running", "replaced")


def test_who_left_is_no_answer(store: Store) -> None:
    start(store)
    rows = [Served(f"{number}", "x", 1, "nano", "v", "", NOW, None, None, 900.0, 499) for number in range(3)]
    store.write(rows, (), ())
    found = arm(report(store, "x"), "nano")
    assert (found["requests"], found["errors"]) == (3, 3)


def test_the_history_without_labels_says_when_what_it_counts_was_there(store: Store) -> None:
    start(store, mode="shadow")
    for day in range(30):
        at = NOW + day * 86_400
        keys = [f"{day}.{number}" for number in range(10)]
        served = [Served(key, "x", 1, "teacher", "v", "", at, "a", 0.9, 4.0, 200) for key in keys]
        shadows = [Shadow(key, "x", 1, "teacher", "a", 0.9, 4.0, "nano", "v", "a", 0.9, 1.0, at) for key in keys]
        store.write(served, shadows, ())
    line = report(store, "x")["history"]["nano"]
    assert [point["n"] for point in line] == [10 * (1 + int((point["at"] - NOW) // 86_400)) for point in line]


def test_unequal_weights_are_compared_in_blocks(store: Store) -> None:
    start(store, weights=(0.9, 0.1))
    fill(store, 10_000, 0.92, 0.92, share=0.1)
    found = arm(report(store, "x"), "nano")
    assert 900 < found["split"]["n"] < 1_100


def test_labels_are_compared_by_the_weights_of_their_time(store: Store) -> None:
    start(store, weights=(0.9, 0.1))
    fill(store, 5_000, 0.92, 0.92, share=0.1)
    before = arm(report(store, "x"), "nano")["split"]["n"]
    weigh(store, 0.5, 0.5)
    assert arm(report(store, "x"), "nano")["split"]["n"] == before


def test_labels_in_blocks_of_other_weights_are_counted_as_they_came(store: Store) -> None:
    start(store)
    fill(store, 2_000, 0.92, 0.92)
    before = arm(report(store, "x"), "nano")["split"]
    weigh(store, 0.1, 0.9)
    assert arm(report(store, "x"), "nano")["split"]["n"] == before["n"] <= 1_100


def test_a_guardrail_breaks_once_it_is_certain_and_not_before(store: Store) -> None:
    start(store, guardrails={"error_rate": {"most": 0.02, "minimum": 100}, "latency": {"most": 2.0}})
    now = changes.find(store, "x")
    fill(store, 100, 0.9, 0.9, failing=0.5)
    assert not breach(store, now)  # some fifty requests are too few
    fill(store, 2_000, 0.9, 0.9, failing=0.1, seed=1)
    found = {each.name: each for each in judge_guardrails(store, now)}
    assert found["error_rate"].breached
    assert not found["latency"].breached
    assert "'nano' breaks the guardrail 'error_rate'" in breach(store, now)
    now = changes.change(store, "x", {"window_days": 3.0}, "test", ["teacher", "nano"])
    assert breach(store, now)  # which no other change forgives
    changes.move(store, now, TRIPPED, "tripped", "service", breach(store, now))
    whole = report(store, "x")
    assert arm(whole, "nano")["decision"] == "do_not"
    assert not breach(store, changes.command(store, "x", "resume", "test"))  # what came before is forgiven


def test_disagreement_breaks_its_guardrail(store: Store) -> None:
    start(store, mode="shadow", guardrails={"agreement": {"least": 0.95, "minimum": 100}})
    fill_pairs(store, 600, 0.1, 0.05)
    assert "below 0.95" in breach(store, changes.find(store, "x"))


def test_rules_end_an_experiment(store: Store) -> None:
    start(store, stop={"labels": 200, "days": 2.0})
    now = changes.find(store, "x")
    began = store.log("x")[0].at
    assert not stop_reason(store, now, began + 86_400)
    assert "2 days" in stop_reason(store, now, began + 2 * 86_400)
    fill(store, 200, 0.9, 0.9)
    assert "200 labels" in stop_reason(store, now, began)


@pytest.mark.parametrize(
    ("most", "verdict", "decision"), [(4.0, "better", "ship"), (8.0, "worse", "do_not"), (6.0, "undecided", "ship")]
)
def test_a_business_metric_can_ship_an_arm_and_hold_one_back(
    store: Store, most: float, verdict: str, decision: str
) -> None:
    """The arm is faster too, which ships it where the metric says nothing."""
    start(store, metric={"name": "minutes", "low": 0.0, "high": 10.0, "better": "lower"}, margin=5.0)
    random = np.random.default_rng(0)
    served, truths, ms = [], [], {"teacher": 4.0, "nano": 2.0}
    for number in range(6_000):
        name = "nano" if random.random() < 0.5 else "teacher"
        key, value = f"{number:x}", float(random.uniform(2, most if name == "nano" else 6))
        served.append(Served(key, "x", 1, name, "v", f"{number:016x}", NOW, "a", 0.9, ms[name], 200))
        truths.append(Truth(key, "x", 1, name, "a", "a" if random.random() < 0.9 else "b", value, NOW, NOW))
    store.write(served, (), truths)
    found = arm(report(store, "x"), "nano")
    assert (found["metric"]["verdict"], found["decision"]) == (verdict, decision)
    assert found["metric"]["drop"] == pytest.approx((most - 6) / 2, abs=0.15)
    assert ("'minutes' is" in found["sentence"]) is (verdict != "undecided")


def test_several_arms_share_the_level(store: Store) -> None:
    arms = [{"variant": name, "weight": weight} for name, weight in (("teacher", 0.5), ("nano", 0.25), ("int8", 0.25))]
    changes.create(store, read({"name": "x", "control": "teacher", "arms": arms}), "test")
    fill(store, 3_000, 0.92, 0.88)
    whole = report(store, "x")
    assert arm(whole, "int8")["split"] is None
    assert arm(whole, "nano")["split"]["n"] > 0
    assert listed(store)[0]["arms"] == ["teacher", "nano", "int8"]


def test_the_command_line_says_the_same_and_ends_with_the_decision(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    database = ["--database", f"sqlite:///{tmp_path / 'lab.sqlite'}"]
    start(store, margin=3.0)
    assert main(["report", "x", *database]) == 2
    fill(store, 12_000, 0.92, 0.925)
    capsys.readouterr()
    assert main(["report", "x", *database]) == 0
    shown = capsys.readouterr().out
    assert "ship it: 'nano'" in shown
    assert main(["report", "x", "--json", *database]) == 0
    assert json.loads(capsys.readouterr().out)["arms"][1]["decision"] == "ship"
    assert main(["report", "y", *database]) == 3
    assert "there is no experiment 'y'; expected one of x" in capsys.readouterr().err
    assert main(["report", "x", "--no-such-option"]) == 3
    assert main(["replay", "--no-such-option"]) == 2
    with monkeypatch.context() as broken:  # 1 says not to ship
        broken.setattr("service.experiments.__main__.report", lambda *_, **__: 1 // 0)
        assert main(["report", "x", *database]) == 3
        assert "error: ZeroDivisionError: " in capsys.readouterr().err


def test_the_smallest_alpha_and_margin_have_a_report(store: Store) -> None:
    start(store, alpha=1e-6, margin=1e-6)
    fill(store, 400, 0.9, 0.1)
    assert arm(report(store, "x"), "nano")["verdict"] == "worse"


def test_the_terminal_is_shown_text_alone_and_what_holds_once_it_is_judged(store: Store) -> None:
    start(store, guardrails={"error_rate": {"most": 0.5, "minimum": 100}, "latency": {"most": 9.0, "minimum": 1}})
    fill(store, 100, 0.9, 0.9)
    changes.command(store, "x", "pause", "test", "\x1b[31mred\x1b[0m\nsecond\u202e line")
    said = "\n".join(lines(report(store, "x")))
    shown = "\N{REPLACEMENT CHARACTER}"
    assert f"\n  {shown}[31mred{shown}[0m second{shown} line\n" in said
    assert "guardrail error_rate of nano: too few yet, 0.0000" in said
    assert "guardrail latency of nano: too few yet, –" in said
    fill(store, 1000, 0.9, 0.9, revision=2)
    said = "\n".join(lines(report(store, "x")))
    assert "error_rate of nano: holds" in said and "latency of nano: holds" in said


def test_an_error_is_one_line_of_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database = ["--database", f"sqlite:///{tmp_path / 'lab.sqlite'}"]
    assert main(["report", "\x1b]0;x\x07\nerror: no", *database]) == 3
    said = capsys.readouterr().err
    assert "\x1b" not in said and said.count("\n") == 1


def test_everything_can_be_exported(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pyarrow import parquet

    database, file = ["--database", f"sqlite:///{tmp_path / 'lab.sqlite'}"], tmp_path / "x.parquet"
    start(store, mode="both")
    assert main(["export", "x", str(file), *database]) == 2
    assert not file.exists()
    fill_pairs(store, 500, 0.05, 0.02)
    assert main(["export", "x", str(file), *database]) == 0
    rows = parquet.read_table(file).to_pylist()
    assert len(rows) == 500
    assert {row["shadow_nano_label"] for row in rows} == {"a", "b"}
    assert {row["truth"] for row in rows} == {"a"}
    (tmp_path / "file").write_text("")
    for wrong in ("nowhere/x.parquet", "file/x.parquet", f"{'x' * 300}.parquet"):
        assert main(["export", "x", str(tmp_path / wrong), *database]) == 2
        assert "cannot be written" in capsys.readouterr().err
    for wrong in ("/", ".", str(tmp_path), "/dev/null"):
        assert main(["export", "x", wrong, *database]) == 2
        assert "is no file; expected one in a folder" in capsys.readouterr().err
