import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tokenizers import Tokenizer

from models.plan.checkpoint import find_teacher
from models.recipe.recipe import TeacherSource
from models.runtime.errors import BonsaiError


@pytest.fixture
def folder(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A copy of the checkpoint that a test may spoil."""
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "bert"))


def find(folder: Path, max_tokens: int = 48) -> str:
    return find_teacher(TeacherSource(source=str(folder), max_tokens=max_tokens)).fingerprint


def configure(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps({key: value for key, value in config.items() if value is not ...}))


def test_embedded_teacher_is_found() -> None:
    found = find_teacher(TeacherSource())
    assert found.name == "embedded"
    assert (found.folder / "model.safetensors").is_file()
    assert (found.config["num_hidden_layers"], found.config["hidden_size"]) == (6, 384)


def test_fingerprint_follows_the_content_not_the_place(folder: Path, tiny_checkpoint: Path) -> None:
    assert find(folder) == find(tiny_checkpoint)
    (folder / "README.md").write_text("# Tiny")
    assert find(folder) == find(tiny_checkpoint)
    configure(folder, hidden_dropout_prob=0.2)
    assert find(folder) != find(tiny_checkpoint)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_missing_files_are_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BonsaiError, match=rf"{name} missing in its folder; expected .*\(safetensors only\)"):
        find(folder)


def test_what_is_there_in_the_place_of_what_is_missing_is_named(folder: Path) -> None:
    (folder / "tokenizer.json").rename(folder / "vocab.txt")
    with pytest.raises(
        BonsaiError, match=r"vocab.txt alone; write it with transformers: AutoTokenizer.from_pretrained"
    ):
        find(folder)
    pooling, inside = folder / "1_Pooling", folder / "checkpoint-10"
    for place in (pooling, inside):
        place.mkdir()
    (pooling / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
    for name in ("config.json", "model.safetensors"):
        (folder / name).rename(inside / name)
    with pytest.raises(
        BonsaiError, match=r"missing in its folder; expected one that holds .*, as its checkpoint-10 may"
    ):
        find(folder)


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json"])
def test_a_pointer_of_git_lfs_is_said_to_be_one(folder: Path, file: str) -> None:
    (folder / file).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")
    with pytest.raises(BonsaiError, match=rf"{file} is a Git LFS pointer and not the file itself; fetch it"):
        find(folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "model.pt", "weights.pkl"])
def test_pickled_weights_are_refused_with_the_command_that_converts_them(folder: Path, name: str) -> None:
    (folder / "model.safetensors").rename(folder / name)
    with pytest.raises(BonsaiError) as refused:
        find(folder)
    said = f"{name} is a pickle, which can run code when it is read; expected model.safetensors: 'python -m "
    assert said in str(refused.value) and f"models.train.convert {folder}'" in str(refused.value)


def write_tokenizer(folder: Path, **changes: object) -> None:
    file = folder / "tokenizer.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}}, "the tokenizer failed: Precompiled"),
        ({"pre_tokenizer": {"type": "FixedLength", "length": 0}}, "the tokenizer failed: chunk size must be non-zero"),
        ({"model": {"type": "WordPiece", "vocab": {}}}, "cannot be read"),
        ({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "b"]]}}, "out of vocabulary"),
    ],
)
def test_a_tokenizer_that_makes_its_library_panic_is_refused(
    folder: Path, changes: dict[str, object], said: str
) -> None:
    write_tokenizer(folder, **changes)
    with pytest.raises(BonsaiError, match=said) as refused:
        find(folder)
    assert "\n" not in str(refused.value)


def test_an_absurd_tokenizer_is_refused(folder: Path) -> None:
    file = folder / "tokenizer.json"
    content = json.loads(file.read_text())
    content["model"]["max_input_chars_per_word"] = 10**9  # whose time grows with the square of a word's length
    file.write_text(json.dumps(content))
    with pytest.raises(BonsaiError, match="max_input_chars_per_word is 1000000000; expected at most 1000"):
        find(folder)
    file.write_text('{"normalizer": ' + '{"type": "Sequence", "normalizers": [' * 5000 + "]}" * 5000 + "}")
    with pytest.raises(BonsaiError, match="recursion limit"):
        find(folder)
    with file.open("wb") as opened:
        opened.truncate(65 * 2**20)  # of nothing, and not on the disk
    with pytest.raises(BonsaiError, match="it has 65 MiB; expected"):
        find(folder)


@pytest.mark.parametrize("kind", ["distilbert", "roberta", "gpt2", ...])
def test_other_model_types_are_refused(folder: Path, kind: object) -> None:
    configure(folder, model_type=kind)
    with pytest.raises(
        BonsaiError,
        match=rf"model_type '{'None' if kind is ... else kind}' in config.json is not supported; expected bert",
    ):
        find(folder)


def test_a_tokenizer_that_is_damaged_or_begins_no_text_is_refused(folder: Path) -> None:
    content = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps(content | {"post_processor": None}))
    with pytest.raises(BonsaiError, match=r"tokenizer.json puts nothing around a text; expected \[CLS\] before it"):
        find(folder)
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(BonsaiError, match=r"tokenizer\.json cannot be read"):
        find(folder)


def test_a_tokenizer_that_does_not_know_its_unknown_token_is_refused(folder: Path) -> None:
    (folder / "tokenizer.json").write_text(
        (folder / "tokenizer.json").read_text().replace('"unk_token": "[UNK]"', '"unk_token": "[NONE]"')
    )
    with pytest.raises(
        BonsaiError,
        match=r"tokenizer\.json cannot be read .*expected the file of a fast tokenizer that knows an unknown token",
    ):
        find(folder)


@pytest.mark.parametrize("kind", ["WordPiece", "Unigram"])
def test_the_kind_of_the_tokenizer_is_found(kind: str, tiny_checkpoint: Path, unigram_checkpoint: Path) -> None:
    folder = tiny_checkpoint if kind == "WordPiece" else unigram_checkpoint
    assert find_teacher(TeacherSource(source=str(folder), max_tokens=48)).tokenizer == kind


def test_a_token_without_an_embedding_is_refused_by_name(folder: Path) -> None:
    rows = json.loads((folder / "config.json").read_text())["vocab_size"]
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.add_tokens(["[PRODUCT]"])
    tokenizer.save(str(folder / "tokenizer.json"))
    said = (
        rf"tokenizer\.json has the token '\[PRODUCT\]' with the number {rows}, but the embeddings have {rows} rows "
        r".*resize_token_embeddings"
    )
    with pytest.raises(BonsaiError, match=said):
        find(folder)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"vocab_size": 50},
            r"model.safetensors: embeddings\.word_embeddings\.weight is \d+ x 32, config\.json asks for 50 x 32",
        ),
        (
            {"num_hidden_layers": 6},
            r"model.safetensors lacks 32 of the \d+ tensors that config\.json asks for: encoder\.layer\.4",
        ),
        ({"hidden_size": 48}, "model.safetensors: .* is .* x 32, config.json asks for .* x 48"),
        ({"num_attention_heads": 5}, "hidden_size 32 and 5 heads; expected a multiple of the heads"),
        ({"num_attention_heads": 0}, "no usable num_attention_heads; expected whole numbers from 1 on"),
        ({"is_decoder": True}, "config.json has is_decoder: true, which is not supported"),
        ({"pruned_heads": {"0": [1]}}, r"config.json has pruned_heads: \{.*\}, which is not supported"),
        ({"add_cross_attention": True}, "config.json has add_cross_attention: true, which is not supported"),
        ({"num_attention_heads": True}, "no usable num_attention_heads"),
        ({"layer_norm_eps": None}, "layer_norm_eps: null; expected a number from 0 to 1"),
        ({"hidden_dropout_prob": 3}, "hidden_dropout_prob: 3; expected"),
        ({"classifier_dropout": "0.1"}, 'classifier_dropout: "0.1"; expected'),
        ({"pad_token_id": 1000}, "pad_token_id 1000; expected a whole number below vocab_size"),
        ({"pad_token_id": -1}, "pad_token_id -1; expected a whole number below"),
        ({"pad_token_id": 0.0}, "pad_token_id 0.0; expected a whole number below"),
        ({"pad_token_id": True}, "pad_token_id true; expected a whole number below"),
        ({"label2id": {"a": [0]}}, "has a label2id whose values are no numbers; expected the number of each label"),
    ],
)
def test_a_configuration_of_another_model_is_refused(folder: Path, changes: dict[str, object], said: str) -> None:
    configure(folder, **changes)
    with pytest.raises(BonsaiError, match=rf"^teacher '[^']*': [^\n]*{said}[^\n]*$"):
        find(folder)


def test_more_tokens_than_the_model_reads_are_refused(folder: Path) -> None:
    assert find(folder, 64)
    with pytest.raises(
        BonsaiError, match=r"max_tokens is 65; expected at most 64, .*: set teacher.max_tokens in the recipe"
    ):
        find(folder, 65)


@pytest.mark.parametrize(
    "content",
    [
        "no json",
        "\xff",
        pytest.param("[]"),
        pytest.param(
            '{"model_type": "bert", "hidden_act": "gelu"}',
        ),
    ],
)
def test_an_unusable_configuration_is_refused(folder: Path, content: str) -> None:
    (folder / "config.json").write_text(content, encoding="latin-1")
    with pytest.raises(BonsaiError, match=r"config\.json|max_position_embeddings"):
        find(folder)


def test_a_file_in_the_place_of_its_folder_is_said_to_be_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)  # a path that looks like an id of the hub
    with pytest.raises(BonsaiError, match=r"a file; expected its folder, with config\.json"):
        find_teacher(TeacherSource(source=f"{folder.name}/model.safetensors"))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        *((name, "no such folder; expected 'embedded'") for name in ("/no/such/folder", "./my-bert", "../my-bert")),
        *((name, "no such folder; expected 'embedded'") for name in ("my--model", "runs/checkpoint-", "a/b..c")),
        ("nobody/no-such-model", "HF_HUB_OFFLINE is set"),
    ],
)
def test_a_source_that_is_not_there_says_what_is_accepted(source: str, said: str) -> None:
    with pytest.raises(BonsaiError, match=rf"^teacher '{source}': [^\n]*{said}[^\n]*$"):
        find_teacher(TeacherSource(source=source))


def test_what_a_trainer_leaves_beside_the_weights_is_not_taken_for_them(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    for name in ("training_args.bin", "optimizer.pt"):
        (folder / name).write_bytes(b"pickle")
    with pytest.raises(BonsaiError, match=r"pieces \(model-00001-of-00002.safetensors\); .*max_shard_size"):
        find(folder)
    (folder / "model-00001-of-00002.safetensors").rename(folder / "part.safetensors")
    (folder / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(BonsaiError, match=r"has model\.safetensors\.index\.json alone, .*; expected one file, .*"):
        find(folder)


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_model.bin"])
def test_an_adapter_alone_or_beside_the_weights_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"adapter")
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    with pytest.raises(BonsaiError, match=r"an adapter .adapter_config.json. stands beside its weights, .*; expected"):
        find(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(BonsaiError, match=r"an adapter alone; .*merge_and_unload"):
        find(folder)
    (folder / "adapter_config.json").unlink()
    with pytest.raises(BonsaiError, match=r"an adapter alone; .*merge_and_unload"):
        find(folder)


def test_what_transformers_would_not_add_does_no_harm(folder: Path) -> None:
    (folder / "adapter_model.safetensors").write_bytes(b"adapter")  # it goes by adapter_config.json alone
    find(folder)


def test_a_link_to_nowhere_is_said_to_be_one(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to("../../blobs/4d7a")
    with pytest.raises(BonsaiError, match=r"model.safetensors is a link to ../../blobs/4d7a, where no file is; expect"):
        find(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"])
def test_a_file_that_may_not_be_read_is_named(tiny_checkpoint: Path, name: str) -> None:
    with TemporaryDirectory() as place:  # pytest's own folders are closed to others
        Path(place).chmod(0o755)
        folder = Path(shutil.copytree(tiny_checkpoint, Path(place) / "bert"))
        for file in (folder, *folder.iterdir()):
            file.chmod(0o755)
        (folder / name).touch()
        (folder / name).chmod(0)
        said = rf"^[^\n]*{name} cannot be read \(Permission denied[^\n]*$"
        with as_nobody(), pytest.raises(BonsaiError, match=said):
            find(folder)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be a user who is refused what root is not."""
    user = os.geteuid()
    if user == 0:
        import safetensors  # noqa: F401  (before the packages' folder may be closed)

        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_configuration_that_cannot_be_read_is_one_sentence(folder: Path) -> None:
    (folder / "config.json").write_text("[" * 100_000)
    with pytest.raises(BonsaiError, match=r"^[^\n]*config.json is not JSON[^\n]*$"):
        find(folder)
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to("config.json")
    with pytest.raises(BonsaiError, match=r"config\.json is a link to config\.json, where no file is"):
        find(folder)
