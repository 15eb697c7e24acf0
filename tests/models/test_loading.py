import json
from pathlib import Path

import pytest

from models.card import CARD_FILE, MODEL_FILE, Card, write_json
from models.classifier import Predictor
from models.errors import BonsaiError
from models.loading import load_variants
from models.store import read_build


def test_variants_are_loaded_by_name_in_order(built: Path, variants: dict[str, tuple[Card, Predictor]]) -> None:
    assert list(variants) == list(read_build(built).variants)
    assert all(card.name == name for name, (card, _) in variants.items())
    backwards = load_variants({name: built / name for name in reversed(variants)})
    assert list(backwards) == list(reversed(variants))


@pytest.mark.parametrize("damage", ["changed", "cut short", "empty", "gone"])
def test_a_damaged_model_file_is_refused(copied: Path, damage: str) -> None:
    file = copied / "int8" / MODEL_FILE
    content = file.read_bytes()
    file.write_bytes({"changed": content[:-1] + bytes([content[-1] ^ 1]), "cut short": content[: len(content) // 2]}.get(damage, b""))
    if damage == "gone":
        file.unlink()
    with pytest.raises(BonsaiError, match=rf"^variant 'int8': {MODEL_FILE} .*run 'python -m models.build' to build it again$"):
        load_variants({"int8": copied / "int8"})


def test_a_cascade_needs_its_parts_at_their_versions(built: Path, copied: Path) -> None:
    parts = ("distilled_int8", "int8", "cascade")
    assert list(load_variants({name: copied / name for name in parts})) == list(parts)
    with pytest.raises(BonsaiError, match=r"^variant 'cascade': its part 'int8' at version \w{12} is not there; run 'python -m models.build'"):
        load_variants({name: copied / name for name in ("distilled_int8", "cascade")})
    card = json.loads((copied / "int8" / CARD_FILE).read_text())
    write_json(copied / "int8" / CARD_FILE, card | {"version": "000000000000"})
    with pytest.raises(BonsaiError, match="its part 'int8' at version"):
        load_variants({name: copied / name for name in parts})
