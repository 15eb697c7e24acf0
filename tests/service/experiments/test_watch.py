"""What a file of experiments changes of those that are there."""

import errno
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from service.experiments import changes
from service.experiments.definition import read
from service.experiments.errors import Conflict, Invalid
from service.experiments.report import listed, report
from service.experiments.running import ENDED, RUNNING, Running, Standing
from service.experiments.table import lines
from service.experiments.watch import LINGER_S, Watch, prepare
from service.store.errors import Changed
from service.store.rows import Served
from service.store.store import Store
from service.store.writer import Writer

FILE = """
name: x
control: teacher
arms: [{variant: teacher, weight: 0.5}, {variant: nano, weight: 0.5}]
"""
VARIANTS = ["teacher", "nano"]
ARMS = [{"variant": name, "weight": 0.5} for name in VARIANTS]


def test_what_a_file_no_longer_names_no_longer_holds(tmp_path: Path) -> None:
    store, file = Store(f"sqlite:///{tmp_path / 'lab.sqlite'}"), tmp_path / "x.yaml"
    file.write_text(FILE + "unit: {header: X-User}\nkeep_texts_days: 30\n")
    prepare(store, file, VARIANTS)
    assert changes.find(store, "x").experiment.keep_texts_days == 30
    file.write_text(FILE + "unit: {header: X-User}\n")
    prepare(store, file, VARIANTS)
    assert changes.find(store, "x").experiment.keep_texts_days is None
    file.write_text(FILE)
    with pytest.raises(Invalid, match="has another definition already"):
        prepare(store, file, VARIANTS)
    store.close()


def test_what_was_changed_through_the_service_since_is_left_alone(tmp_path: Path) -> None:
    """Every worker that takes a killed one's place reads the file."""
    store, file = Store(f"sqlite:///{tmp_path / 'lab.sqlite'}"), tmp_path / "x.yaml"
    file.write_text(FILE + "traffic: 0.5\n")
    prepare(store, file, VARIANTS)
    changes.change(store, "x", {"traffic": 0.05}, "admin", VARIANTS)
    prepare(store, file, VARIANTS)
    assert changes.find(store, "x").experiment.traffic == 0.05
    store.close()


def test_two_new_experiments_of_a_file_begin_both_or_neither(tmp_path: Path) -> None:
    store, file = Store(f"sqlite:///{tmp_path / 'lab.sqlite'}"), tmp_path / "x.yaml"
    entry = FILE.strip().replace("\n", "\n  ")
    file.write_text(f"- {entry}\n- {entry.replace('name: x', 'name: y')}\n")
    with pytest.raises(Invalid, match=r"x.yaml': x and y would begin together; expected one new experiment at a time"):
        prepare(store, file, VARIANTS)
    assert store.experiments() == []
    store.close()


def test_an_experiment_of_another_version_is_its_own_trouble_alone(tmp_path: Path) -> None:
    """As after a rollback: the stored definition has a key that this version does not know."""
    store, file = Store(f"sqlite:///{tmp_path / 'lab.sqlite'}"), tmp_path / "x.yaml"
    store.migrate()
    content = {"name": "old", "control": "teacher", "arms": ARMS, "from_the_future": 1}
    store.save("old", content, ENDED, "created", actor="test", expected=0, seen=store.generation())
    file.write_text(FILE)
    prepare(store, file, VARIANTS)
    assert changes.find(store, "x").state == RUNNING
    assert {each["name"]: each["decisions"] for each in listed(store)}["old"] == {}
    file.write_text(FILE.replace("name: x", "name: old"))
    said = "'old' was defined by another version of Bonsai; expected that one, or"
    for asked in (changes.find, report):
        with pytest.raises(Conflict, match=said):
            asked(store, "old")
    with pytest.raises(Conflict, match=said):
        prepare(store, file, VARIANTS)
    store.close()


def test_a_companion_that_cannot_be_begun_ends_no_watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(f"sqlite:///{tmp_path / 'lab.sqlite'}")
    store.migrate()
    changes.create(store, read({"name": "x", "control": "teacher", "arms": ARMS}), "test")
    monkeypatch.setattr("subprocess.Popen", no_memory)
    with closing(Writer(store)) as writer, closing(Watch(store, writer, "teacher", VARIANTS, leads=True)) as watch:
        watch.start()
        changes.command(store, "x", "pause", "test")
        deadline = time.monotonic() + 20
        while watch.running.by_name["x"].state != "paused":
            assert time.monotonic() < deadline
            time.sleep(0.05)
    store.close()


def no_memory(*_: object, **__: object) -> None:
    raise OSError(errno.ENOMEM, "no memory")


def test_a_unit_in_a_header_is_forgotten_however_it_was_written(tmp_path: Path) -> None:
    """Clients send UTF-8, which HTTP reads as Latin-1; a path is UTF-8."""
    store = Store(f"sqlite:///{tmp_path / 'lab.sqlite'}")
    store.migrate()
    definition = {"name": "x", "control": "teacher", "arms": ARMS, "unit": {"header": "x-user"}, "keep_texts_days": 5.0}
    now = changes.create(store, read(definition), "test")
    running = Running("teacher", [now], b"secret")
    for number, written in enumerate(("José".encode(), "José".encode("latin-1"))):
        unit = running.assign({b"x-user": written.decode("latin-1")}, None, "id").unit
        served = Served(f"{number}", "x", 1, "nano", "v", unit, 1e9, "a", 0.9, 1.0, 200, text="a", expires=2e9)
        store.write([served], (), ())
    assert changes.forget(store, "x", "José") == 2
    assert changes.forget(store, "x", "José") == 0
    store.close()


def test_a_new_build_with_another_model_of_an_arm_is_written_into_the_log(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'lab.sqlite'}")
    store.migrate()
    changes.create(store, read({"name": "x", "control": "teacher", "arms": ARMS}), "test")
    before = {name: tmp_path / name / "old" for name in VARIANTS}
    with (
        closing(Writer(store)) as writer,
        closing(Watch(store, writer, "teacher", VARIANTS, leads=True, folders=before)) as watch,
    ):
        watch.start()
        watch.follow(VARIANTS, before)
        watch.follow(VARIANTS, before | {"nano": tmp_path / "nano" / "new"})
        deadline = time.monotonic() + 20
        while len(store.log("x")) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert [(line.what, line.detail) for line in store.log("x")][1:] == [
        ("replaced", {"models": {"nano": ["old", "new"]}})
    ]
    store.close()


@pytest.mark.parametrize("mode", ["split", "shadow"])
def test_an_id_that_a_caller_gives_to_many_requests_is_one_unit(mode: str) -> None:
    definition = {"name": "x", "control": "teacher", "arms": ARMS, "mode": mode}
    running = Running("teacher", [Standing(read(definition), 1, RUNNING)], b"s")
    first, *again = (running.assign({b"x-request-id": "batch-7"}, None, "batch-7") for _ in range(4))
    assert first.unit == "" and all(each.unit and each == again[0] for each in again)
    assert {first.variant} == {each.variant for each in again}
    assert running.assign({}, None, "0123").unit == running.assign({}, None, "0123").unit == ""


@pytest.mark.parametrize(("traffic", "counted"), [(1, {True}), (0.5, {True, False})])
def test_all_get_the_control_of_a_shadow_and_its_traffic_is_what_is_counted(traffic: float, counted: set[bool]) -> None:
    definition = {"name": "x", "control": "teacher", "arms": ARMS, "mode": "shadow", "traffic": traffic}
    running = Running("nano", [Standing(read(definition), 1, RUNNING)], b"s")
    assigned = [running.assign({}, None, f"{number}") for number in range(100)]
    assert {(each.variant, each.unit, each.override) for each in assigned} == {("teacher", "", False)}
    assert {each.standing is not None for each in assigned} == counted
    assert {each.signer is not None for each in assigned} == counted


def test_texts_of_a_forced_answer_are_forgotten_with_their_unit(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'lab.sqlite'}")
    store.migrate()
    definition = {
        "name": "x", "control": "teacher", "arms": ARMS, "unit": {"header": "x-user"}, "override": True,
        "keep_texts_days": 5.0,
    }  # fmt: skip
    running = Running("teacher", [changes.create(store, read(definition), "test")], b"secret")
    forced = running.assign({b"x-user": "anna", b"x-bonsai-variant": "nano"}, None, "id")
    assert (forced.variant, forced.override) == ("nano", True)
    row = Served("1", "x", 1, "nano", "v", forced.unit, 1e9, "a", 0.9, 1.0, 200, True, text="a", expires=2e9)
    store.write([row], (), ())
    assert changes.forget(store, "x", "anna") == 1
    store.close()


def test_long_units_are_not_remembered() -> None:
    now = Standing(read({"name": "x", "control": "teacher", "arms": ARMS, "unit": {"field": "user"}}), 1, RUNNING)
    running = Running("teacher", [now], b"secret")
    for unit in ("a", "a" * 500):
        assert running.assign({}, unit, "id") == running.assign({}, unit, "id")
    assert running._known.cache_info().currsize == 1


@pytest.mark.parametrize("where", ["field", "header"])
def test_a_unit_that_no_path_could_name_is_refused(where: str) -> None:
    definition = {"name": "x", "control": "teacher", "arms": ARMS, "unit": {where: "user"}, "override": True}
    running = Running("teacher", [Standing(read(definition), 1, RUNNING)], b"secret")

    def assign(unit: str, **more: str) -> None:
        given = {name.encode(): value for name, value in more.items()}
        headers = given | ({b"user": unit} if where == "header" else {})
        running.assign(headers, unit if where == "field" else None, "id")

    longest = "ä" * (512 if where == "field" else 1024)  # as UTF-8 in JSON, and as Latin-1 in a header
    for override in ({}, {"x-bonsai-variant": "nano"}):
        assign(longest, **override)
        with pytest.raises(Invalid, match=r"the unit of the experiment has 1,02\d bytes; expected at most 1,024"):
            assign(longest + "a", **override)


def test_of_two_that_begin_together_one_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(f"sqlite:///{tmp_path / 'lab.sqlite'}")
    store.migrate()
    x, y = (read({"name": name, "control": "teacher", "arms": ARMS}, VARIANTS) for name in "xy")
    alone = changes._check_alone

    def meanwhile(store: Store, name: str) -> None:
        alone(store, name)
        if name == "x":
            changes.create(store, y, "another")

    monkeypatch.setattr(changes, "_check_alone", meanwhile)
    with pytest.raises(Changed, match="an experiment was changed while 'x' was looked at"):
        changes.create(store, x, "admin")
    with pytest.raises(Conflict, match="the experiment 'y' runs"):
        changes.create(store, x, "admin")
    assert [(each.name, each.state) for each in store.experiments()] == [("y", RUNNING)]
    store.close()


@pytest.mark.parametrize("command", ["end", "pause"])
def test_the_recorder_stays_for_what_other_workers_answered_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    store = Store(f"sqlite:///{tmp_path / 'lab.sqlite'}")
    store.migrate()
    changes.create(store, read({"name": "x", "control": "teacher", "arms": ARMS}), "test")
    now, kept = [1000.0], list[bool]()
    monkeypatch.setattr("service.experiments.watch.time", SimpleNamespace(monotonic=lambda: now[0], time=time.time))
    with closing(Writer(store)) as writer:
        watch = Watch(store, writer, "teacher", VARIANTS, leads=True, recorder=["here"])
        monkeypatch.setattr(watch._recorder, "keep", lambda given, _: kept.append(given is not None))
        watch._turn()
        changes.command(store, "x", command, "test")
        for passed in (0.0, LINGER_S - 0.1, 0.2):
            now[0] += passed
            watch._turn()
    assert kept == [True, True, True, False]
    store.close()


def test_an_experiment_whose_arm_is_gone_is_said_to_be_left_alone_until_it_is_back(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'lab.sqlite'}")
    store.migrate()
    changes.create(store, read({"name": "x", "control": "teacher", "arms": ARMS}), "test")
    with closing(Writer(store)) as writer:
        watch = Watch(store, writer, "teacher", VARIANTS, leads=True)
        watch._recorder = watch._shadows = SimpleNamespace(keep=lambda *_: None, lives=False)
        watch._turn()
        watch.follow(["teacher"], {})
        watch._turn()
        for found in (report(store, "x"), listed(store)[0]):
            assert (found["state"], found["revision"]) == (RUNNING, 2)
            assert found["left_alone"].startswith("it is left alone, for no variant 'nano' is there; expected")
        assert f"  {found['left_alone']}" in lines(report(store, "x"))
        changes.command(store, "x", "pause", "test")
        with pytest.raises(Conflict, match="'x' cannot be resumed: it is left alone, for no variant 'nano' is there"):
            changes.command(store, "x", "resume", "test")
        watch._turn()
        watch.follow(VARIANTS, {})
        watch._turn()
        assert changes.command(store, "x", "resume", "test").state == RUNNING
        watch._turn()
    assert report(store, "x")["left_alone"] == listed(store)[0]["left_alone"] == ""
    assert [line.what for line in store.log("x")] == ["created", "left alone", "paused", "taken up", "resumed"]
    store.close()


def test_machines_of_two_builds_do_not_contradict_each_other_for_ever(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'lab.sqlite'}")
    store.migrate()
    changes.create(store, read({"name": "x", "control": "teacher", "arms": ARMS}), "test")
    with closing(Writer(store)) as writer:
        both = [Watch(store, writer, "teacher", VARIANTS, leads=True) for _ in "ab"]
        for watch in both:
            watch._recorder = watch._shadows = SimpleNamespace(keep=lambda *_: None, lives=False)
            watch._turn()
        both[0].follow(["teacher"], {})
        for watch in both * 3:
            watch._turn()
    assert [line.what for line in store.log("x")] == ["created", "left alone"]
    store.close()
