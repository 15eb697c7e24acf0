"""Models in parts are the same models: same bytes, same answers, and refused when a byte of any part changes."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from models.runtime.card import CARD_FILE, CONTENT_FILES, MODEL_FILE, read_card
from models.runtime.errors import BonsaiError
from models.runtime.loading import check_whole, load_variants, pack_variants
from models.runtime.model_file import PARTS, REST, join, model_of
from service.image.shared import share
from tests.models.conftest import VARIANTS

TEXTS = ["where is my parcel", "cancel", "money back please now " * 3, "x"]


@pytest.fixture
def folders(built: Path, tmp_path: Path) -> dict[str, Path]:
    """The tiny variants as an image holds them."""
    places = {}
    for name in VARIANTS:
        places[name] = tmp_path / "models" / f"bonsai-{name}" / read_card(built / name).version
        places[name].mkdir(parents=True)
        for file in (CARD_FILE, *CONTENT_FILES):
            if (built / name / file).exists():
                shutil.copyfile(built / name / file, places[name] / file)
    before = sum(file.stat().st_size for file in tmp_path.rglob(MODEL_FILE))
    saved = share(tmp_path / "models")
    assert (
        0 < saved == before - sum(file.stat().st_size for part in (MODEL_FILE, REST) for file in tmp_path.rglob(part))
    )
    return places


def in_parts(folders: dict[str, Path]) -> list[str]:
    return [name for name, folder in folders.items() if (folder / PARTS).exists()]


def test_they_hold_the_same_bytes_and_each_of_them_once(built: Path, folders: dict[str, Path], tmp_path: Path) -> None:
    assert len(in_parts(folders)) > 1
    for name in in_parts(folders):
        whole = (built / name / MODEL_FILE).read_bytes()
        assert not (folders[name] / MODEL_FILE).exists() and (folders[name] / REST).stat().st_size < len(whole)
        assert model_of(folders[name]) == whole
        join(folders[name], tmp_path)
        assert (tmp_path / MODEL_FILE).read_bytes() == whole


def test_they_answer_as_they_did_packed_or_not(built: Path, folders: dict[str, Path], tmp_path: Path) -> None:
    for folder in folders.values():
        check_whole(folder, read_card(folder))
    pack_variants(folders, tmp_path / "packed")
    before = load_variants({name: built / name for name in VARIANTS})
    for after in (load_variants(folders), load_variants(folders, packed=tmp_path / "packed")):
        for name in VARIANTS:
            expected, given = (each[name][1].probabilities(TEXTS)[0] for each in (before, after))
            np.testing.assert_allclose(given, expected, atol=1e-5)


def test_a_changed_byte_of_any_part_is_refused(folders: dict[str, Path]) -> None:
    name = in_parts(folders)[0]
    folder = folders[name]
    store = folder.parents[1]
    for place, offset, length in json.loads((folder / PARTS).read_bytes()):
        content = (store / place).read_bytes()
        for changed in (
            content[: offset + length - 1],
            content[:offset] + bytes([content[offset] ^ 1]) + content[offset + 1 :],
        ):
            (store / place).write_bytes(changed)
            with pytest.raises(BonsaiError, match=f"variant '{name}': model.onnx has SHA-256 "):
                check_whole(folder, read_card(folder))
        (store / place).unlink()
        with pytest.raises(BonsaiError, match=rf"variant '{name}': {Path(place).name} cannot be read \(No such file"):
            check_whole(folder, read_card(folder))
        (store / place).write_bytes(content)
    check_whole(folder, read_card(folder))


@pytest.mark.parametrize(
    "parts",
    [
        "[]",
        "{",
        "1",
        "[[1, 2]]",
        '[["a", null, 4]]',
        '[["../outside", -1, 4]]',
        '[["../outside", 0, 4]]',
        '[["/etc/hostname", 0, 4]]',
    ],
)
def test_a_list_that_leads_elsewhere_is_refused(folders: dict[str, Path], parts: str) -> None:
    folder = folders[in_parts(folders)[0]]
    (folder.parents[2] / "outside").write_text("1234")
    (folder / PARTS).write_text(parts)
    with pytest.raises(BonsaiError, match=r"^variant '\w+': model.onnx (is not opened|has SHA-256)"):
        check_whole(folder, read_card(folder))
