import json
from pathlib import Path
from typing import Any

import pytest

from models.runtime.card import CARD_FILE, CONTENT_FILES, Card, Estimate, is_whole, read_card, seal
from models.runtime.errors import BonsaiError
from models.runtime.files import write_json

CONTENT: dict[str, Any] = {
    "name": "small",
    "kind": "variant",
    "passes": [{"quantize": {}}],
    "teacher": {"source": "embedded"},
    "dataset": {"name": "embedded"},
    "seed": 0,
    "parameters": {"all": 2, "encoder": 1},
    "max_tokens": 128,
    "temperature": 1.0,
    "libraries": {"onnx": "1"},
    "accuracy": Estimate(value=0.9, low=0.8, high=0.95),
    "macro_f1": Estimate(value=0.9, low=0.8, high=0.95),
    "agreement": 1.0,
    "cpu_flags": [],
    "calibration_error": {"before": 0.1, "after": 0.05},
    "robustness": {"typos": 0.8},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in CONTENT_FILES:
        (tmp_path / name).write_text(name)
    return tmp_path


def test_a_sealed_card_is_read_back(folder: Path) -> None:
    card = seal(folder, **CONTENT)
    assert read_card(folder) == card
    assert len(card.version) == 12
    assert card.bytes == len("model.onnx")
    assert {path.name for path in folder.iterdir()} == {*CONTENT_FILES, CARD_FILE}


def test_the_same_content_has_the_same_version(folder: Path) -> None:
    first = seal(folder, **CONTENT)
    (folder / "measured.json").write_text("{}")
    assert seal(folder, **CONTENT) == first


@pytest.mark.parametrize("name", CONTENT_FILES)
def test_the_version_changes_with_every_file(folder: Path, name: str) -> None:
    first = seal(folder, **CONTENT)
    (folder / name).write_text("other")
    assert seal(folder, **CONTENT).version != first.version


@pytest.mark.parametrize(
    ("key", "value"),
    [("name", "other"), ("seed", 1), ("passes", [{"prune": {}}]), ("agreement", 0.5), ("libraries", {"onnx": "2"})],
)
def test_the_version_changes_with_every_entry(folder: Path, key: str, value: Any) -> None:
    assert seal(folder, **CONTENT).version != seal(folder, **CONTENT | {key: value}).version


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "is no variant folder: card.json cannot be read"),
        (b"", "is no card: the file: "),
        (b'{"name": "small"', "is no card: the file: "),
        (b"{}", "is no card: name: Field required"),
        (b"\xff", "is no card: the file: "),
        (b"[]", "is no card: the file: "),
    ],
)
def test_unreadable_cards_are_refused(folder: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        (folder / CARD_FILE).write_bytes(content)
    with pytest.raises(BonsaiError, match=rf"^[^\n]*{said}[^\n]*run 'python -m models.build'[^\n]*$"):
        read_card(folder)


def test_a_card_of_an_earlier_version_is_read_and_keeps_its_version(folder: Path) -> None:
    gate = {
        "verdict": "worse",
        "margin": 0.01,
        "alpha": 0.05,
        "drop": 0.0107,
        "low": 0.0051,
        "high": 0.0165,
        "lost": 60,
        "won": 12,
        "mcnemar_p": 0.001,
    }
    parts = {
        "small": "a",
        "small_version": "0" * 12,
        "large": "b",
        "large_version": "1" * 12,
        "threshold": 0.9,
        "escalated": 0.1,
    }
    card = seal(folder, **CONTENT, gate=gate | {"rows_to_decide": 0}, cascade=parts)
    written = json.loads((folder / CARD_FILE).read_text())
    assert written["gate"] == gate | {"rows_to_decide": 0}
    assert written["cascade"] == parts
    assert "majority" not in written
    assert is_whole(folder, read_card(folder))
    assert read_card(folder) == card


def test_a_card_of_a_later_version_is_refused(folder: Path) -> None:
    seal(folder, **CONTENT)
    write_json(folder / CARD_FILE, json.loads((folder / CARD_FILE).read_text()) | {"colour": "red"})
    with pytest.raises(BonsaiError, match="is no card: colour"):
        read_card(folder)


def test_writing_replaces_the_file_in_one_move(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    write_json(file, {"a": 1})
    with file.open() as reader:
        write_json(file, {"a": "é"})
        assert json.load(reader) == {"a": 1}
    assert json.loads(file.read_text(encoding="utf-8")) == {"a": "é"}
    with pytest.raises(TypeError):
        write_json(file, {"a": object()})
    assert json.loads(file.read_text(encoding="utf-8")) == {"a": "é"}


def test_cards_of_a_build_hold_what_the_design_asks(built: Path) -> None:
    card: Card = read_card(built / "distilled_int8")
    assert card.passes[0]["distill"]["layers"] == 2
    assert card.passes[0]["distill"]["temperature"] == 3.0
    assert card.dataset["name"] == "tiny"
    assert card.dataset["rows"] == {"train": 36, "validation": 4, "test": 12}
    assert {"torch", "transformers", "onnxruntime", "tokenizers"} <= set(card.libraries)
    assert 0 <= card.accuracy.low <= card.accuracy.value <= card.accuracy.high <= 1
    assert read_card(built / "teacher").agreement == 1.0
