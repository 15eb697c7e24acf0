"""What a file of experiments changes of those that are there."""

from pathlib import Path

import pytest

from service.experiments import changes
from service.experiments.definition import read
from service.experiments.errors import Conflict, Invalid
from service.experiments.running import RUNNING
from service.experiments.watch import prepare
from service.store.errors import Changed
from service.store.store import Store

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
