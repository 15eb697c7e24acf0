import json
import re
import shutil
from pathlib import Path

import pytest
from transformers import AutoTokenizer, BertTokenizerFast

from models.plan.checkpoint import find_teacher
from models.plan.tokenizer import said_by_the_file_alone
from models.recipe.recipe import TeacherSource
from models.runtime.errors import BonsaiError
from models.runtime.tokenization import Tokenizer

TOKENS = 48
TEXTS = ("LATE refund", "l\u00e0te", "late\u4e2drefund", "helpless", "late " * 60 + "refund")
CASED = {"lowercase": False}
HELP = {"content": "help", "lstrip": False, "rstrip": False, "single_word": False, "normalized": False}


@pytest.fixture
def folder(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A copy of the checkpoint that a test may spoil."""
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "bert"))


def find(folder: Path) -> None:
    find_teacher(TeacherSource(source=str(folder), max_tokens=TOKENS))


def normalize(folder: Path, **changes: object) -> None:
    content = json.loads((folder / "tokenizer.json").read_text())
    content["normalizer"] |= changes
    (folder / "tokenizer.json").write_text(json.dumps(content))


def configure(folder: Path, **config: object) -> None:
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def read_alike(folder: Path) -> bool:
    ours, _ = Tokenizer(folder / "tokenizer.json", TOKENS).encode(TEXTS)
    theirs = AutoTokenizer.from_pretrained(folder)
    return ours == [theirs(text, truncation=True, max_length=TOKENS)["input_ids"] for text in TEXTS]


@pytest.mark.parametrize(
    ("normalizer", "config"),
    [
        ({}, {"do_lower_case": True, "tokenizer_class": "BertTokenizer", "model_max_length": 512}),
        ({}, {"model_max_length": TOKENS, "strip_accents": True}),
        ({}, {"model_max_length": int(1e30)}),
        (CASED, {"do_lower_case": False}),
        (CASED, {"do_lower_case": False, "strip_accents": False}),
        (CASED, {"do_lower_case": True, "tokenizer_class": "PreTrainedTokenizerFast"}),
        ({"strip_accents": False}, {"strip_accents": False, "padding_side": "left"}),
        ({"handle_chinese_chars": False}, {"tokenize_chinese_chars": False}),
    ],
)
def test_a_configuration_that_agrees_is_read_as_transformers_reads_it(
    folder: Path, normalizer: dict[str, object], config: dict[str, object]
) -> None:
    normalize(folder, **normalizer)
    configure(folder, **config)
    find(folder)
    assert read_alike(folder)
    assert said_by_the_file_alone(folder, {}) == ""


@pytest.mark.parametrize(
    ("normalizer", "config", "said"),
    [
        ({}, {"do_lower_case": False}, "has do_lower_case false, tokenizer.json has true"),
        (CASED, {"do_lower_case": True, "tokenizer_class": "DistilBertTokenizer"}, "has do_lower_case true, .* false"),
        (
            CASED,
            {"model_max_length": 512},
            "leaves out do_lower_case, which BertTokenizer takes for true, .* has false",
        ),
        ({}, {"strip_accents": False}, "has strip_accents false, tokenizer.json has true"),
        ({"strip_accents": False}, {"do_lower_case": True}, "leaves out strip_accents, .* takes for true, .* false"),
        ({}, {"tokenize_chinese_chars": False}, "has tokenize_chinese_chars false, tokenizer.json has true"),
        ({}, {"additional_special_tokens": ["help"]}, "adds the token 'help', tokenizer.json has no such"),
        ({}, {"added_tokens_decoder": {"9": {**HELP, "special": True}}}, "adds the token 'help'"),
        ({}, {"truncation_side": "left"}, "has truncation_side 'left'; expected 'right'"),
    ],
)
def test_a_configuration_by_which_transformers_reads_other_tokens_is_refused(
    folder: Path, normalizer: dict[str, object], config: dict[str, object], said: str
) -> None:
    normalize(folder, **normalizer)
    configure(folder, **config)
    assert not read_alike(folder)
    with pytest.raises(BonsaiError, match=rf"^teacher '[^']*': [^\n]*{said}[^\n]*$"):
        find(folder)


def test_an_added_token_with_other_flags_is_refused(folder: Path) -> None:
    content = json.loads((folder / "tokenizer.json").read_text())
    number = content["model"]["vocab"]["help"]
    content["added_tokens"].append({"id": number, "special": False, **HELP})
    (folder / "tokenizer.json").write_text(json.dumps(content))
    configure(folder, added_tokens_decoder={str(number): HELP | {"special": False}})
    find(folder)
    assert read_alike(folder)
    configure(folder, added_tokens_decoder={str(number): HELP | {"special": False, "single_word": True}})
    assert not read_alike(folder)
    with pytest.raises(BonsaiError, match=r"has the token 'help' with single_word true, tokenizer\.json has false"):
        find(folder)


@pytest.mark.parametrize(
    ("name", "content"),
    [("added_tokens.json", {"help": 26}), ("special_tokens_map.json", {"additional_special_tokens": ["help"]})],
)
@pytest.mark.parametrize("config", [None, {"do_lower_case": True}])
def test_tokens_that_older_files_add_are_refused(
    folder: Path, name: str, content: dict[str, object], config: dict[str, object] | None
) -> None:
    (folder / name).write_text(json.dumps(content))
    if config:
        configure(folder, **config)
    assert not read_alike(folder)
    with pytest.raises(BonsaiError, match=rf"{name} adds the token 'help', tokenizer\.json has no such added token"):
        find(folder)


def test_the_command_that_the_sentence_names_repairs_it(folder: Path) -> None:
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    content = (folder / "tokenizer.json").read_text().replace('"##z"', '"[MASK]"')  # which a BERT's class adds
    (folder / "tokenizer.json").write_text(content)
    assert "##z" in vocabulary
    configure(folder, do_lower_case=False)
    with pytest.raises(BonsaiError, match=r"AutoTokenizer\.from_pretrained\('.*'\)\.save_pretrained"):
        find(folder)
    AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
    find(folder)
    assert read_alike(folder)
    BertTokenizerFast.from_pretrained(folder, do_lower_case=True).save_pretrained(folder)
    find(folder)
    assert read_alike(folder)


def test_a_file_by_itself_is_followed_and_what_transformers_would_do_is_said(folder: Path) -> None:
    assert said_by_the_file_alone(folder, {}) == ""
    normalize(folder, **CASED)
    find(folder)
    said = "tokenizer.json is followed, with do_lower_case false: AutoTokenizer takes it for true in a folder without"
    assert said_by_the_file_alone(folder, {}).startswith(said)
    assert not read_alike(folder)
    assert said_by_the_file_alone(folder, {"tokenizer_class": "PreTrainedTokenizerFast"}) == ""


def test_texts_that_are_cut_at_their_beginning_are_refused_by_the_file_alone(folder: Path) -> None:
    content = json.loads((folder / "tokenizer.json").read_text())
    content["truncation"] = {"max_length": 16, "strategy": "LongestFirst", "stride": 0, "direction": "Left"}
    (folder / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(BonsaiError, match=r"truncation_side 'left'; .* correct tokenizer\.json$"):
        find(folder)
    configure(folder, truncation_side="right")
    find(folder)
    assert read_alike(folder)


def test_fewer_tokens_than_the_recipe_asks_for_are_refused(folder: Path) -> None:
    configure(folder, model_max_length=TOKENS - 1)
    with pytest.raises(BonsaiError, match="max_tokens is 48; expected at most 47, the model_max_length of tokenizer_"):
        find(folder)


@pytest.mark.parametrize("content", ["no json", "\u00ff", "[]", "[" * 100_000])
def test_a_configuration_that_cannot_be_read_is_one_sentence(folder: Path, content: str) -> None:
    (folder / "tokenizer_config.json").write_text(content, encoding="latin-1")
    with pytest.raises(BonsaiError, match=r"^[^\n]*tokenizer_config\.json (is not JSON|holds no object)[^\n]*$"):
        find(folder)


def test_values_of_another_kind_end_in_no_traceback(folder: Path) -> None:
    configure(folder, additional_special_tokens=5, added_tokens_decoder="x", model_max_length=None, tokenizer_class=7)
    find(folder)


@pytest.mark.parametrize("value", ["16", True, [512]])
def test_a_longest_text_that_is_no_number_is_refused(folder: Path, value: object) -> None:
    configure(folder, model_max_length=value)
    said = re.escape(f"tokenizer_config.json has model_max_length {json.dumps(value)}; expected a number of tokens")
    with pytest.raises(BonsaiError, match=rf"^[^\n]*{said}$"):
        find(folder)


@pytest.mark.parametrize("part", range(3))
def test_a_single_text_of_another_type_than_0_is_refused(folder: Path, part: int) -> None:
    content = json.loads((folder / "tokenizer.json").read_text())
    frame = Tokenizer(folder / "tokenizer.json", TOKENS).frame
    names = {number: name for name, number in content["model"]["vocab"].items()}
    first, last = (names[number] for number in frame)
    single: list[dict[str, dict[str, object]]] = [
        {"SpecialToken": {"id": first, "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": last, "type_id": 0}},
    ]
    special = {
        name: {"id": name, "ids": [number], "tokens": [name]} for name, number in zip((first, last), frame, strict=True)
    }
    processor = {"type": "TemplateProcessing", "single": single, "pair": single, "special_tokens": special}
    (folder / "tokenizer.json").write_text(json.dumps(content | {"post_processor": processor}))
    find(folder)
    next(iter(single[part].values()))["type_id"] = 1
    (folder / "tokenizer.json").write_text(json.dumps(content | {"post_processor": processor}))
    with pytest.raises(BonsaiError, match=r"gives tokens of a single text the type 1 .*; expected 0, which variants"):
        find(folder)
