from pathlib import Path

import pytest

from models.prove import memory
from models.prove.memory import STATUS, measure_memory
from models.runtime.errors import BonsaiError

pytestmark = pytest.mark.skipif(not STATUS.exists(), reason="there is no /proc/self/status here")


@pytest.mark.parametrize("name", ["teacher", "cascade"])
def test_a_process_of_its_own_holds_more_with_a_variant_than_without(built: Path, name: str) -> None:
    folders = {path.parent.name: path.parent for path in built.glob("*/card.json")}
    found = measure_memory(folders, name, ["where is my parcel"] * 3)
    assert 0 < found["without_mb"] < found["resident_mb"] <= found["peak_mb"]


def test_what_takes_too_long_is_not_measured(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "TIMEOUT_S", 0.01)
    assert measure_memory({"int8": built / "int8"}, "int8", ["where is my parcel"]) == {}


def test_a_variant_that_cannot_be_loaded_is_an_error(copied: Path) -> None:
    (copied / "int8" / "model.onnx").write_bytes(b"")
    with pytest.raises(BonsaiError, match="the memory of 'int8' was not measured"):
        measure_memory({"int8": copied / "int8"}, "int8", [])
