"""What a build makes, and what it says."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import BertForSequenceClassification

from models.build.command import main, parse
from models.data.dataset import Dataset
from models.recipe.reading import load_recipe
from models.runtime.card import CONTENT_FILES, MODEL_FILE, Card, read_card
from models.runtime.classifier import Classifier, Predictor, softmax
from models.runtime.loading import load_variants
from models.runtime.store import read_build
from tests.conftest import LEARN
from tests.models.build.conftest import COMMAND, ROOT, versions
from tests.models.conftest import CLASSIFIERS, VARIANTS


def test_build_json_names_recipe_data_and_variants(built: Path, dataset: Dataset) -> None:
    build = read_build(built)
    assert list(build.variants) == VARIANTS
    assert build.generation == 1
    assert build.dataset == dataset.describe()
    assert set(build.recipe["variants"]) == set(VARIANTS) - {"teacher"}
    assert all(variant.tag.endswith(versions(built)[name]) for name, variant in build.variants.items())


def test_corpus_holds_the_test_texts_and_every_variants_label_at_batch_1(
    built: Path, variants: dict[str, tuple[Card, Predictor]], dataset: Dataset
) -> None:
    rows = [json.loads(line) for line in (built / "corpus.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(row["text"], row["label"]) for row in rows] == [
        (text, dataset.labels[label]) for text, label in zip(dataset.test.texts, dataset.test.labels, strict=True)
    ]
    for name in VARIANTS:
        assert [row["expected"][name] for row in rows] == [
            variants[name][1].predict([row["text"]])[0].label for row in rows
        ]


def test_variants_are_what_their_passes_promise(built: Path) -> None:
    cards = {name: read_card(built / name) for name in VARIANTS}
    encoder = {name: card.parameters["encoder"] for name, card in cards.items()}
    assert cards["teacher"].accuracy.value > 0.7
    assert encoder["pruned"] < encoder["teacher"] == encoder["int8"]
    assert 2 * encoder["distilled"] == encoder["teacher"]
    assert cards["int8"].bytes < cards["teacher"].bytes
    assert cards["distilled_int8"].bytes < cards["distilled"].bytes < cards["teacher"].bytes
    assert cards["trimmed"].bytes < cards["distilled_int8"].bytes
    assert cards["cascade"].bytes == cards["distilled_int8"].bytes + cards["int8"].bytes
    for name in CLASSIFIERS:
        assert cards[name].bytes == (built / name / MODEL_FILE).stat().st_size
        assert {path.name for path in (built / name).iterdir()} >= {*CONTENT_FILES, "card.json", "measured.json"}
    assert not [path.name for path in built.rglob("*") if "draft" in path.name]


def hugging_face(folder: Path) -> Any:
    """A text classification pipeline over a variant folder as it is."""
    from optimum.onnxruntime import ORTModelForSequenceClassification
    from transformers import AutoTokenizer, pipeline

    model = ORTModelForSequenceClassification.from_pretrained(folder)
    return pipeline("text-classification", model=model, tokenizer=AutoTokenizer.from_pretrained(folder))


@pytest.mark.parametrize("variant", CLASSIFIERS)
def test_optimum_and_transformers_load_a_variant_as_it_is(
    built: Path, variants: dict[str, tuple[Card, Predictor]], dataset: Dataset, variant: str
) -> None:
    classify = hugging_face(built / variant)
    texts = [*dataset.test.texts, "Where's my PARCEL?!", "money " * 100]
    theirs = [classify(text, truncation=True)[0] for text in texts]
    classifier = variants[variant][1]
    assert isinstance(classifier, Classifier)
    assert [answer["label"] for answer in theirs] == [classifier.predict([text])[0].label for text in texts]
    uncalibrated = softmax(classifier.logits(texts, batch=1)[0]).max(axis=1)
    assert [answer["score"] for answer in theirs] == pytest.approx(uncalibrated.tolist(), abs=1e-4)


@pytest.mark.parametrize(
    "variant",
    [pytest.param(name) if name == "trimmed" else name for name in CLASSIFIERS],
)
def test_transformers_may_pad(
    built: Path, variants: dict[str, tuple[Card, Predictor]], dataset: Dataset, variant: str
) -> None:
    classify, texts = hugging_face(built / variant), dataset.test.texts
    assert [answer["label"] for answer in classify(texts, batch_size=4)] == [
        prediction.label for prediction in variants[variant][1].predict(texts)
    ]


def test_a_unigram_teacher_goes_all_the_way(
    tmp_path: Path, bentoml_home: Path, tiny_recipe: Path, unigram_checkpoint: Path, dataset: Dataset
) -> None:
    recipe = json.loads(tiny_recipe.read_text())
    passes = [
        {"distill": {"layers": 1, "epochs": 1, "transfer": 20, "contextual": 1, **LEARN}},
        {"trim": {"tokens": 100}},
    ]
    teacher = recipe["teacher"] | {"source": str(unigram_checkpoint), "epochs": 1}
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe | {"teacher": teacher, "variants": {"trimmed": passes}}))
    assert main(["--recipe", str(tmp_path / "recipe.yaml"), "--out", str(tmp_path / "out")]) == 0
    texts = [*dataset.test.texts, "字 money", "xyzzy"]
    for name, (_, classifier) in load_variants(
        {name: tmp_path / "out" / name for name in ("teacher", "trimmed")}
    ).items():
        theirs = hugging_face(tmp_path / "out" / name)(texts, batch_size=4)
        assert [answer["label"] for answer in theirs] == [prediction.label for prediction in classifier.predict(texts)]


def test_what_is_said_before_training(
    tmp_path: Path,
    bentoml_home: Path,
    tiny_recipe: Path,
    tiny_checkpoint: Path,
    plain: BertForSequenceClassification,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data, recipe = tmp_path / "data", json.loads(tiny_recipe.read_text())
    data.mkdir()
    for first, name in ((60, "train"), (80, "test")):
        rows = "".join(f"{'字 ' * (first + number)},{('late', 'early')[number % 2]}\n" for number in range(10))
        (data / f"{name}.csv").write_text(f"text,label\n{rows}", encoding="utf-8")
    plain.save_pretrained(tmp_path / "bert")
    (tmp_path / "bert" / "tokenizer.json").write_bytes((tiny_checkpoint / "tokenizer.json").read_bytes())
    teacher = recipe["teacher"] | {"source": str(tmp_path / "bert"), "epochs": 1}
    (tmp_path / "recipe.yaml").write_text(
        json.dumps({"dataset": {"source": str(data)}, "teacher": teacher, "variants": {}})
    )
    assert main(["--recipe", str(tmp_path / "recipe.yaml"), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    before, _ = said.err.split("validation accuracy")
    for sentence in (
        "a new head is trained, the checkpoint's is not used: it is for 4 labels without names, the data has 2 named "
        "early, late, …",
        "training texts: 100.0 % are cut, 100.0 % of their word pieces are unknown",
        "warning: 100 % of the training texts and 100 % of the test texts are cut: the model reads their first 48 "
        "tokens alone",
        "warning: 100 % of the training texts' word pieces and 100 % of the test texts' word pieces are unknown to "
        "the tokenizer",
    ):
        assert sentence in " ".join(before.split())
    assert "warning: 100 % of the training texts and" in said.out
    card = read_card(tmp_path / "out" / "teacher")
    assert card.truncated_texts == card.unknown_tokens == {"training": 1.0, "test": 1.0}


def test_a_second_run_changes_nothing_and_imports_nothing_heavy(built: Path, tiny_recipe: Path) -> None:
    before = (built / "build.json").read_bytes()
    command = [sys.executable, "-X", "importtime", *COMMAND[1:], "--recipe", str(tiny_recipe), "--out", str(built)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "COLUMNS": "160"}, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    imported = {
        line.rsplit("|", 1)[1].strip().split(".")[0]
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert "models" in imported
    assert not imported & {"torch", "transformers", "optimum", "datasets", "sentence_transformers"}
    assert f"unchanged: {len(VARIANTS)} variants" in done.stderr
    assert (built / "build.json").read_bytes() == before
    assert all(name in done.stdout for name in VARIANTS)


def test_other_data_and_another_teacher_from_the_command_line(
    built: Path, copied: Path, changed: Callable[..., str], tiny_data: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    data, start = (shutil.copytree(folder, tmp_path / "moved" / folder.name) for folder in (tiny_data, tiny_checkpoint))
    recipe = changed(variants={"int8": [{"quantize": {}}]}, dataset={"source": "nowhere"})
    assert main(["--recipe", recipe, "--dataset", str(data), "--teacher", str(start), "--out", str(copied)]) == 0
    build = read_build(copied)
    assert (build.recipe["dataset"]["source"], build.recipe["teacher"]["source"]) == (str(data), str(start))
    assert versions(copied) == {name: versions(built)[name] for name in ("teacher", "int8")}, (
        "the same content elsewhere is the same build"
    )


def test_what_the_user_can_repair_is_one_line(
    tmp_path: Path, tiny_recipe: Path, changed: Callable[..., str], error: Callable[..., str]
) -> None:
    out = tmp_path / "out"
    for arguments, said in (
        (["--recipe", changed(variants={"a": [{"hash": {}}]})], "unknown pass 'hash'"),
        (["--recipe", changed(variants={"a": [{"distill": {"layers": 9}}]})], "distill: layers is 9"),
        (["--recipe", tmp_path / "none.yaml"], "No such file"),
        (["--recipe", tiny_recipe, "--dataset", "none.csv"], "no such file or folder"),
        (["--recipe", tiny_recipe, "--teacher", "/none"], "no such folder"),
        (["--recipe", tiny_recipe, "--only", "none"], f"no such variant; the recipe has {', '.join(VARIANTS[1:])}"),
        (["--recipe", tiny_recipe, "--dataset", ""], "--dataset is empty; expected a value, or no such option"),
        (["--recipe", tiny_recipe, "--add", "", "--under-ms", 3], "--add is empty; expected a value"),
    ):
        assert said in error(*arguments, "--out", out)
    assert not out.exists()


def test_the_command_line_itself(tiny_recipe: Path, changed: Callable[..., str]) -> None:
    done = subprocess.run(
        [*COMMAND, "--recipe", changed(seed="x")], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: recipe 'changed0.yaml': 'seed' is 'x'")
    assert len(done.stderr.splitlines()) == 1


def test_the_command_line_says_how_data_are_read(tiny_recipe: Path) -> None:
    given = [
        "--dataset",
        "some/id",
        "--dataset-config",
        "small",
        "--text-column",
        "q",
        "--label-column",
        "y",
        "--skip-unusable",
    ]
    read, *_ = parse(["--recipe", str(tiny_recipe), *given])
    assert read.dataset.model_dump(exclude={"split_seed"}) == {
        "source": "some/id",
        "config": "small",
        "text_column": "q",
        "label_column": "y",
        "skip_unusable": True,
    }
    untouched, *_ = parse(["--recipe", str(tiny_recipe)])
    assert untouched == load_recipe(tiny_recipe)
