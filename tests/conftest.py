"""A tiny random BERT in the hub's layout, forty rows, and a real build of both: shared by all tests, and by all test
processes.
"""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

MadeOnce = Callable[[str, Callable[[Path], None]], Path]

pytest_plugins = ["tests.processes"]

signal.signal(
    signal.SIGINT, signal.default_int_handler
)  # ignored in what a shell starts in the background, and then in all that the tests start
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = (
    "1"  # a tiny model trains a hundred times slower on threads that fight with another process for the cores
)
os.environ["BENTOML_DO_NOT_TRACK"] = "True"

# How long an example takes says how busy the machine is, and nothing of what is tested.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

WORDS = (  # noqa: SIM905
    "where is my parcel it has not come yet please cancel the order i want money back now card was charged twice help"
).split()
TINY = {
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}
TEXTS = {
    "late": [
        "where is my parcel",
        "parcel not come",
        "it has not come yet",
        "my parcel is not here",
        "where is it now",
    ],
    "cancel": [
        "please cancel the order",
        "cancel my order",
        "i want to cancel it",
        "cancel the parcel",
        "please cancel now",
    ],
    "refund": [
        "i want my money back",
        "money back please",
        "where is my money",
        "want the money back now",
        "back to my card",
    ],
    "charge": [
        "my card was charged twice",
        "charged twice",
        "help my card was charged",
        "twice charged now",
        "the order charged my card twice",
    ],
}
LEARN = {"learning_rate": 3e-3, "batch_size": 8, "patience": 20}  # enough for the variants to tell the labels apart
TINY_RECIPE = {
    "teacher": {"max_tokens": 48, "epochs": 20, **LEARN},
    "variants": {
        "pruned": [{"prune": {"remove_heads": 1, "remove_ffn": 0.5, "epochs": 4, **LEARN}}],
        "int8": [{"quantize": {}}],
        "distilled": [{"distill": {"layers": 2, "epochs": 4, **LEARN}}],
        "distilled_int8": [{"distill": {"layers": 2, "epochs": 4, **LEARN}}, {"quantize": {}}],
        "trimmed": [
            {"distill": {"layers": 1, "epochs": 4, "transfer": 20, "contextual": 1, "teachers": 2, **LEARN}},
            {"trim": {"tokens": 100}},
            {"quantize": {}},
        ],
        "cascade": {"cascade": {"small": "distilled_int8", "large": "int8"}},
    },
}


@pytest.fixture(autouse=True)
def denormals_are_left_alone() -> Iterator[None]:
    """Fail the test after which this process takes denormal numbers for zero: another one's numbers would be wrong."""
    yield
    assert float("5e-324") > 0


@pytest.fixture(scope="session")
def tiny_checkpoint(made_once: MadeOnce) -> Path:
    """A random BERT encoder of four narrow layers with a tokenizer of some forty words."""
    return made_once("tiny-bert", write_checkpoint)


def write_checkpoint(folder: Path) -> None:
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel

    vocabulary = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        *dict.fromkeys([*WORDS, *"abcdefghijklmnopqrstuvwxyz"]),
        *[f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz"],
    ]
    tokenizer = Tokenizer(
        models.WordPiece({token: number for number, token in enumerate(vocabulary)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_padding(length=16)  # as all-MiniLM's file does: every reader must strip it
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=len(vocabulary), **TINY)).save_pretrained(folder)


@pytest.fixture(scope="session")
def tiny_data(made_once: MadeOnce) -> Path:
    """A folder with train.csv (forty rows) and test.csv."""
    return made_once("tiny", write_data)


def write_data(folder: Path) -> None:
    rows = [(f"{text} {word}", label) for label, texts in TEXTS.items() for text in texts for word in ("please", "now")]
    tests = [(text, label) for label, texts in TEXTS.items() for text in texts[:3]]
    for name, part in (("train", rows), ("test", tests)):
        (folder / f"{name}.csv").write_text(
            "text,label\n" + "".join(f"{text},{label}\n" for text, label in part), encoding="utf-8"
        )


@pytest.fixture(scope="session")
def bentoml_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BentoML home of the tests' own, for this process and all that it starts."""
    home = tmp_path_factory.mktemp("bentoml")
    os.environ["BENTOML_HOME"] = str(home)
    return home


@pytest.fixture(scope="session")
def tiny_recipe(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path, tiny_data: Path) -> Path:
    """The default recipe's variants for the tiny teacher and data."""
    return write_recipe(tmp_path_factory.mktemp("recipe") / "tiny.yaml", tiny_checkpoint, tiny_data)


def write_recipe(file: Path, checkpoint: Path, data: Path) -> Path:
    content = {
        **TINY_RECIPE,
        "dataset": {"source": str(data)},
        "teacher": {**TINY_RECIPE["teacher"], "source": str(checkpoint)},
    }
    file.write_text(json.dumps(content))  # JSON is YAML
    return file


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, made_once: MadeOnce, bentoml_home: Path, tiny_recipe: Path) -> Path:
    """The variants folder of a finished build of the tiny recipe, this process's own, as its BentoML home is."""
    from models.build.command import main

    out = tmp_path_factory.mktemp("built") / "variants"

    def build(folder: Path) -> None:
        assert main(["--recipe", str(tiny_recipe), "--out", str(out)]) == 0
        shutil.copytree(out, folder / "variants", symlinks=True)
        shutil.copytree(bentoml_home, folder / "home", symlinks=True)

    made = made_once("build", build)
    if not out.exists():
        shutil.copytree(made / "variants", out, symlinks=True)
        shutil.copytree(made / "home", bentoml_home, symlinks=True, dirs_exist_ok=True)
    return out


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody vouches for, and its key."""
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("openssl makes the certificate")
    file, key = (tmp_path_factory.mktemp("tls") / name for name in ("both.pem", "key.pem"))
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", file, *names],
        check=True,
        capture_output=True,
    )
    file.write_text(file.read_text(encoding="ascii") + key.read_text(encoding="ascii"), encoding="ascii")
    return file
