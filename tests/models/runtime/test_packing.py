"""Packed variants answer as the others do, and hold their weights once for all processes."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from models.runtime.errors import BonsaiError
from models.runtime.loading import load_variants, pack_variants
from models.runtime.packing import LEAST_SHARED, WEIGHTS_FILE, open_packed, pack
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


def test_what_several_models_have_lies_there_once(built: Path, tmp_path: Path) -> None:
    words = {"teacher": "words.table", "pruned": "words.table", "int8": "words.s8", "distilled_int8": "words.s8"}
    models = dict[str, bytes]()
    for name in words:
        file = built / name / "model.onnx"
        graph = onnx.load(file)
        table = next(tensor for tensor in graph.graph.initializer if tensor.name == words[name])
        rows = np.resize(numpy_helper.to_array(table), (LEAST_SHARED // table.dims[1], table.dims[1]))  # a larger one
        table.CopyFrom(numpy_helper.from_array(rows, table.name))
        if name.endswith("int8"):
            scale = next(tensor for tensor in graph.graph.initializer if tensor.name == "words.scale")
            scale.CopyFrom(numpy_helper.from_array(np.resize(numpy_helper.to_array(scale), (len(rows), 1)), scale.name))
        models[name] = graph.SerializeToString()
        pack(models[name], tmp_path / name)
    shared = [file for name in words for file in (tmp_path / name).glob("*.bin") if file.name != WEIGHTS_FILE]
    assert len(shared) == len(words) and sorted(file.stat().st_nlink for file in shared) == [2, 2, 2, 2]
    for name in words:
        used = sum(file.stat().st_blocks * 512 for file in (tmp_path / name).iterdir() if file.stat().st_nlink == 1)
        assert used < LEAST_SHARED  # what is linked takes no room in the file of all weights
        ids = np.array([[1, 5, 3]])
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        whole = onnxruntime.InferenceSession(models[name], providers=["CPUExecutionProvider"]).run(None, feed)[0]
        np.testing.assert_allclose(open_packed(tmp_path / name, 1).run(None, feed)[0], whole, atol=1e-5)
