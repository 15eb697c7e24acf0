"""Packed variants answer as the others do, and hold their weights once for all processes."""

from pathlib import Path

import numpy as np
import pytest

from models.runtime.errors import BonsaiError
from models.runtime.loading import load_variants, pack_variants
from tests.models.conftest import VARIANTS


def test_packed_variants_give_the_same_logits(built: Path, tmp_path: Path) -> None:
    folders = {name: built / name for name in VARIANTS}
    pack_variants(folders, tmp_path)
    plain, packed = load_variants(folders), load_variants(folders, packed=tmp_path)
    texts = ["where is my parcel", "cancel", "money back please now " * 3, "x"]
    for name in VARIANTS:
        for asked in (texts, texts[:1]):
            expected, given = (each[name][1].probabilities(asked)[0] for each in (plain, packed))
            np.testing.assert_allclose(given, expected, atol=1e-5)


def test_variants_with_the_same_tokenizer_share_it(built: Path) -> None:
    variants = load_variants({name: built / name for name in ("teacher", "int8", "trimmed")})
    teacher, int8, trimmed = (variants[name][1]._tokenizer for name in ("teacher", "int8", "trimmed"))  # type: ignore[attr-defined]
    assert teacher is int8
    assert teacher is not trimmed


def test_no_room_is_an_error_of_one_sentence(built: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BonsaiError, match=r"^'teacher' cannot be packed in '.*file' \(\w+: .*\)$"):
        pack_variants({"teacher": built / "teacher"}, tmp_path / "file")
