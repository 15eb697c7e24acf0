import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx.external_data_helper import set_external_data

from models.runtime.card import CARD_FILE, CONTENT_FILES, MODEL_FILE, Card, read_card, seal
from models.runtime.classifier import Predictor, open_session
from models.runtime.errors import BonsaiError
from models.runtime.loading import AGAIN, load_variants, pack_variants
from models.runtime.packing import pack
from models.runtime.store import read_build


def test_variants_are_loaded_by_name_in_order(built: Path, variants: dict[str, tuple[Card, Predictor]]) -> None:
    assert list(variants) == list(read_build(built).variants)
    assert all(card.name == name for name, (card, _) in variants.items())
    backwards = load_variants({name: built / name for name in reversed(variants)})
    assert list(backwards) == list(reversed(variants))


@pytest.mark.parametrize("damage", ["changed", "cut short", "empty", "gone"])
def test_a_damaged_model_file_is_refused(copied: Path, damage: str) -> None:
    file = copied / "int8" / MODEL_FILE
    content = file.read_bytes()
    file.write_bytes(
        {"changed": content[:-1] + bytes([content[-1] ^ 1]), "cut short": content[: len(content) // 2]}.get(damage, b"")
    )
    if damage == "gone":
        file.unlink()
    with pytest.raises(
        BonsaiError, match=rf"^variant 'int8': {MODEL_FILE} .*run 'python -m models.build' to build it again$"
    ):
        load_variants({"int8": copied / "int8"})


def test_a_cascade_needs_its_parts_at_their_versions(built: Path, copied: Path) -> None:
    parts = ("distilled_int8", "int8", "cascade")
    assert list(load_variants({name: copied / name for name in parts})) == list(parts)
    with pytest.raises(
        BonsaiError,
        match=r"^variant 'cascade': its part 'int8' at version \w{12} is not there; run 'python -m models.build'",
    ):
        load_variants({name: copied / name for name in ("distilled_int8", "cascade")})
    resealed(copied / "int8", seed=1)  # the same variant, whole, at another version
    with pytest.raises(BonsaiError, match="its part 'int8' at version"):
        load_variants({name: copied / name for name in parts})


@pytest.mark.parametrize("damage", ["changed", "cut short", "empty", "gone", "a folder"])
@pytest.mark.parametrize("name", [*CONTENT_FILES[1:], CARD_FILE])
def test_any_damaged_file_is_refused(copied: Path, name: str, damage: str) -> None:
    file = copied / "int8" / name
    content = file.read_bytes()
    file.unlink()
    if damage == "a folder":
        file.mkdir()
    elif damage != "gone":
        last_digit = (
            max(place for place, byte in enumerate(content) if byte in b"12345678" or byte in b"true")
            if name != CARD_FILE
            else content.rindex(b"0.")
        )
        changed = content[:last_digit] + b"9" + content[last_digit + 1 :]
        file.write_bytes({"changed": changed, "cut short": content[: len(content) // 2]}.get(damage, b""))
    with pytest.raises(BonsaiError, match=r"int8.*run 'python -m models.build'") as refused:
        load_variants({"int8": copied / "int8"})
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", [*CONTENT_FILES[1:], CARD_FILE])
def test_what_lies_beside_a_packed_model_is_checked_too(copied: Path, tmp_path: Path, name: str) -> None:
    folder = copied / "int8"
    pack_variants({"int8": folder}, tmp_path)
    assert load_variants({"int8": folder}, packed=tmp_path)
    content = json.loads((folder / name).read_text())
    changed = {"temperature": 2.5} if name == CARD_FILE else {"added": "by hand"}
    (folder / name).write_text(json.dumps({**content, **changed}))
    with pytest.raises(
        BonsaiError,
        match=rf"^variant 'int8': {CARD_FILE}, or a file beside {MODEL_FILE}, was changed or cut short; run",
    ):
        load_variants({"int8": folder}, packed=tmp_path)


def test_a_packed_model_is_not_read_again(copied: Path, tmp_path: Path) -> None:
    pack_variants({"int8": copied / "int8"}, tmp_path)
    (copied / "int8" / MODEL_FILE).unlink()
    assert load_variants({"int8": copied / "int8"}, packed=tmp_path)


def test_a_folder_of_another_variant_is_refused(built: Path) -> None:
    with pytest.raises(BonsaiError, match=r"^variant 'int8': its folder '.*' holds 'pruned'; run"):
        load_variants({"int8": built / "pruned"})


def resealed(folder: Path, **changes: Any) -> Path:
    content = dict(read_card(folder)) | changes
    del content["version"]
    seal(folder, **content)
    return folder


def more_pieces(folder: Path) -> dict[str, Any]:
    content = json.loads((folder / "tokenizer.json").read_text())
    content["model"]["vocab"]["parcels"] = len(content["model"]["vocab"])
    (folder / "tokenizer.json").write_text(json.dumps(content))
    return {}


def fewer_labels(folder: Path) -> dict[str, Any]:
    content = json.loads((folder / "config.json").read_text())
    del content["id2label"]["3"]
    (folder / "config.json").write_text(json.dumps(content))
    return {}


def more_positions(folder: Path) -> dict[str, Any]:
    return {"max_tokens": 65}


def changed_tokenizer(folder: Path, **changes: Any) -> dict[str, Any]:
    file = folder / "tokenizer.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    return {}


def panicking(folder: Path) -> dict[str, Any]:
    return changed_tokenizer(folder, pre_tokenizer={"type": "FixedLength", "length": 0})


def framed(folder: Path) -> dict[str, Any]:
    around = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}] * 48
    special = {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}}
    template = {"type": "TemplateProcessing", "single": [*around, {"Sequence": {"id": "A", "type_id": 0}}], "pair": []}
    return changed_tokenizer(folder, post_processor={**template, "special_tokens": special})


@pytest.mark.parametrize("wrong", [more_pieces, fewer_labels, more_positions, panicking, framed])
@pytest.mark.parametrize("name", ["teacher", "int8"])
def test_whole_files_that_do_not_fit_each_other_fail_at_the_start_and_not_in_a_request(
    copied: Path, name: str, wrong: Callable[[Path], dict[str, Any]]
) -> None:
    folder = copied / name
    resealed(folder, **wrong(folder))
    with pytest.raises(
        BonsaiError,
        match=rf"^variant '{name}' cannot be used here \(.*\); run 'python -m models.build' to build it again",
    ):
        load_variants({name: folder})


@pytest.mark.parametrize("location", ["../../../etc/passwd", "/etc/passwd", "weights.bin"])
def test_a_model_that_names_another_file_is_refused_before_a_session_is_opened(copied: Path, location: str) -> None:
    folder = copied / "teacher"
    model = onnx.load(folder / MODEL_FILE)
    set_external_data(model.graph.initializer[0], location)
    (folder / MODEL_FILE).write_bytes(model.SerializeToString())
    resealed(folder)
    said = f"^variant 'teacher': model.onnx is not opened: a weight lies .*; {AGAIN}$"
    with pytest.raises(BonsaiError, match=said) as refused:
        load_variants({"teacher": folder})
    assert "\n" not in str(refused.value)
    for opens in (lambda: pack(folder / MODEL_FILE, copied / "packed"), lambda: open_session(folder / MODEL_FILE, 1)):
        with pytest.raises(ValueError, match="a weight lies"):
            opens()
