import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer as RawTokenizer
from tokenizers import normalizers
from transformers import AutoTokenizer

from models.graph.tokenizer import write_tokenizer
from models.runtime.tokenization import Tokenizer
from tests.models.runtime.test_tokenization import SAMPLES


@pytest.mark.parametrize(
    "lowercase",
    [
        True,
        pytest.param(False),
    ],
)
def test_transformers_reads_the_written_tokenizer_as_we_do(
    tiny_checkpoint: Path, tmp_path: Path, lowercase: bool
) -> None:
    start, written = tmp_path / "start", tmp_path / "written"
    start.mkdir()
    written.mkdir()
    raw = RawTokenizer.from_file(str(tiny_checkpoint / "tokenizer.json"))
    raw.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    raw.save(str(start / "tokenizer.json"))
    write_tokenizer(start / "tokenizer.json", 48, written)
    (written / "config.json").write_text(json.dumps({"model_type": "bert"}))
    theirs = AutoTokenizer.from_pretrained(written, local_files_only=True)
    assert theirs(SAMPLES, truncation=True)["input_ids"] == Tokenizer(start / "tokenizer.json", 48).encode(SAMPLES)[0]


def test_special_tokens_are_written_under_their_own_names(unigram_checkpoint: Path, tmp_path: Path) -> None:
    write_tokenizer(unigram_checkpoint / "tokenizer.json", 48, tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    theirs = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    assert theirs.special_tokens_map == {
        "unk_token": "<unk>",
        "sep_token": "</s>",
        "pad_token": "<pad>",
        "cls_token": "<s>",
        "mask_token": "<mask>",
    }
    assert len(theirs) == RawTokenizer.from_file(str(unigram_checkpoint / "tokenizer.json")).get_vocab_size()
    texts = ["where is my parcel", "字 money"]
    ours = Tokenizer(unigram_checkpoint / "tokenizer.json", 48)
    assert theirs(texts)["input_ids"] == ours.encode(texts)[0]
    assert theirs(texts, padding=True)["input_ids"][1][-1] == ours.pad_id == 1


def test_a_tokenizer_without_a_padding_token_pads_with_one_that_it_has(tiny_checkpoint: Path, tmp_path: Path) -> None:
    start = tmp_path / "start"
    start.mkdir()
    content = json.loads((tiny_checkpoint / "tokenizer.json").read_text().replace("[PAD]", "nothing")) | {
        "padding": None
    }
    (start / "tokenizer.json").write_text(json.dumps(content))
    write_tokenizer(start / "tokenizer.json", 48, tmp_path)
    assert json.loads((tmp_path / "tokenizer_config.json").read_text())["pad_token"] == "[CLS]"
