"""What a file of experiments changes of those that are there."""

from pathlib import Path

import pytest

from service.experiments import changes
from service.experiments.errors import Invalid
from service.experiments.watch import prepare
from service.store.store import Store

FILE = """
name: x
control: teacher
arms: [{variant: teacher, weight: 0.5}, {variant: nano, weight: 0.5}]
"""
VARIANTS = ["teacher", "nano"]


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
