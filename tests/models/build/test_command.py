import errno
import json
import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bentoml
import pytest
from transformers import BertForSequenceClassification

from models.build.command import TooSlow, check_fast, main, parse
from models.data.dataset import Dataset
from models.recipe.reading import load_recipe
from models.runtime.batching import Measured
from models.runtime.card import CONTENT_FILES, MODEL_FILE, Card, read_card
from models.runtime.classifier import Classifier, Predictor, softmax
from models.runtime.loading import check_whole, load_variants
from models.runtime.store import in_store, locked, read_build
from tests.conftest import LEARN
from tests.models.conftest import CLASSIFIERS, VARIANTS

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "models.build"]


def versions(out: Path) -> dict[str, str]:
    return {name: read_card(out / name).version for name in read_build(out).variants}


def finished(out: Path) -> dict[str, int]:
    """Every finished step with what tells it from one that was made again."""
    return {path.name: path.stat().st_ino for path in (out / ".steps").glob("[!.]*")}


@pytest.fixture
def changed(tiny_recipe: Path, tmp_path: Path) -> Callable[..., str]:
    """Write the tiny recipe with some of its first-level entries replaced."""

    def write(**changes: Any) -> str:
        file = tmp_path / f"changed{len(list(tmp_path.glob('changed*')))}.yaml"
        file.write_text(json.dumps(json.loads(tiny_recipe.read_text()) | changes))
        return str(file)

    return write


@pytest.fixture
def error(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a build that has to end with exit code 2, and return the one line that it prints."""

    def run(*arguments: str | Path) -> str:
        assert main([str(argument) for argument in arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        (line,) = err.splitlines()
        return line.removeprefix("error: ")

    return run


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
        command, cwd=ROOT, env={**os.environ, "COLUMNS": "160"}, capture_output=True, text=True, timeout=120
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


@pytest.mark.parametrize(
    ("part", "damage"),
    [
        ("int8/model.onnx", "cut"),
        ("int8/model.onnx", "gone"),
        ("int8/card.json", "cut"),
        ("int8/card.json", "gone"),
        ("teacher", "gone"),
        ("build.json", "cut"),
        ("build.json", "gone"),
        (".steps", "gone"),
        pytest.param("int8/tokenizer.json", "gone"),
        pytest.param("int8/config.json", "cut"),
        pytest.param("int8/measured.json", "gone"),
        pytest.param("int8/evidence.json", "gone"),
        pytest.param("corpus.jsonl", "gone"),
        pytest.param("corpus.jsonl", "cut"),
    ],
)
def test_a_broken_part_is_repaired(built: Path, copied: Path, tiny_recipe: Path, part: str, damage: str) -> None:
    broken = copied / part
    if damage == "cut":
        broken.write_bytes(broken.read_bytes()[:20])
    elif broken.is_dir():
        shutil.rmtree(broken)
    else:
        broken.unlink()
    assert main(["--recipe", str(tiny_recipe), "--out", str(copied)]) == 0
    assert versions(copied) == versions(built)
    load_variants({name: copied / name for name in VARIANTS})
    for name in VARIANTS:
        for file in {*CONTENT_FILES, "evidence.json"} if name in CLASSIFIERS else {"evidence.json"}:
            assert (copied / name / file).read_bytes() == (built / name / file).read_bytes()
        assert (copied / name / "measured.json").is_file()
    assert (copied / "corpus.jsonl").read_bytes() == (built / "corpus.jsonl").read_bytes()


def test_a_model_missing_in_the_store_is_stored_again(built: Path, copied: Path, tiny_recipe: Path) -> None:
    tag = read_build(built).variants["int8"].tag
    bentoml.models.delete(tag)
    assert main(["--recipe", str(tiny_recipe), "--out", str(copied)]) == 0
    assert in_store(tag)


def test_a_new_variant_redoes_nothing_else(copied: Path, tiny_recipe: Path, changed: Callable[..., str]) -> None:
    before, steps = versions(copied), finished(copied)
    variants = json.loads(tiny_recipe.read_text())["variants"]
    new = {"tiny": [{"distill": {"layers": 1, "epochs": 2}}]}
    assert main(["--recipe", changed(variants=variants | new), "--out", str(copied)]) == 0
    assert {name: version for name, version in versions(copied).items() if name != "tiny"} == before
    assert steps.items() < finished(copied).items()
    assert read_build(copied).generation == 2
    assert list(json.loads((copied / "corpus.jsonl").read_text().splitlines()[0])["expected"]) == [*VARIANTS, "tiny"]


@pytest.mark.parametrize(("on_fail", "code"), [("warn", 0), pytest.param("error", 1)])
def test_a_worse_variant_is_told_or_stops_the_build(
    copied: Path, changed: Callable[..., str], capsys: pytest.CaptureFixture[str], on_fail: str, code: int
) -> None:
    spoiled = [{"distill": {"layers": 1, "epochs": 1, "learning_rate": 0.9}}]
    before = {
        path.relative_to(copied): path.read_bytes()
        for path in sorted(copied.rglob("[!.]*"))
        if path.is_file() and ".steps" not in path.parts
    }
    assert (
        main(["--recipe", changed(gate={"on_fail": on_fail}, variants={"spoiled": spoiled}), "--out", str(copied)])
        == code
    )
    if code:
        assert "error: worse than the teacher beyond 1.0 points: spoiled by " in capsys.readouterr().err
        assert {file: (copied / file).read_bytes() for file in before} == before, (
            "a closed gate leaves no mixture of builds"
        )
        assert not (copied / "spoiled").exists()
    else:
        gate = read_card(copied / "spoiled").gate
        assert gate is not None
        assert gate.verdict == "worse"


def test_a_variant_that_is_gone_from_the_recipe_is_served_no_more(copied: Path, changed: Callable[..., str]) -> None:
    assert main(["--recipe", changed(variants={"int8": [{"quantize": {}}]}), "--out", str(copied)]) == 0
    assert list(read_build(copied).variants) == ["teacher", "int8"]
    assert list(json.loads((copied / "corpus.jsonl").read_text().splitlines()[0])["expected"]) == ["teacher", "int8"]


def test_only_one_variant_beside_what_is_there(copied: Path, tiny_recipe: Path, changed: Callable[..., str]) -> None:
    variants = json.loads(tiny_recipe.read_text())["variants"]
    new = {name: [{"distill": {"layers": 1, "epochs": epochs}}] for name, epochs in (("one", 1), ("two", 2))}
    assert main(["--recipe", changed(variants=variants | new), "--only", "one", "--out", str(copied)]) == 0
    assert list(read_build(copied).variants) == [*VARIANTS, "one"]


def test_only_a_cascade_builds_its_parts(tiny_recipe: Path, tmp_path: Path) -> None:
    assert main(["--recipe", str(tiny_recipe), "--only", "cascade", "--out", str(tmp_path)]) == 0
    assert list(read_build(tmp_path).variants) == ["teacher", "int8", "distilled_int8", "cascade"]


def test_only_in_an_empty_folder_builds_the_teacher_and_it(built: Path, tiny_recipe: Path, tmp_path: Path) -> None:
    assert main(["--recipe", str(tiny_recipe), "--only", "int8", "--out", str(tmp_path)]) == 0
    assert versions(tmp_path) == {name: versions(built)[name] for name in ("teacher", "int8")}


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


def test_a_second_build_at_the_same_time_is_refused(copied: Path, tiny_recipe: Path, error: Callable[..., str]) -> None:
    with locked(copied):
        assert (
            error("--recipe", tiny_recipe, "--out", copied)
            == f"another build is writing to '{copied}'; wait for it, or give another folder with --out"
        )
    assert main(["--recipe", str(tiny_recipe), "--out", str(copied)]) == 0


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
    ):
        assert said in error(*arguments, "--out", out)
    assert not out.exists()


def test_the_command_line_itself(tiny_recipe: Path, changed: Callable[..., str]) -> None:
    done = subprocess.run(
        [*COMMAND, "--recipe", changed(seed="x")], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: recipe 'changed0.yaml': 'seed' is 'x'")
    assert len(done.stderr.splitlines()) == 1


def test_a_build_that_was_started_in_the_background_can_be_interrupted(tiny_recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "variants"
    command = [*COMMAND, "--recipe", str(tiny_recipe), "--out", str(out)]
    in_background = f'trap "" INT; exec {shlex.join(command)}'  # as a shell starts what ends in &: ignoring SIGINT
    process = subprocess.Popen(
        ["sh", "-c", in_background], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    while not any(out.glob(".steps/.draft-*")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said.splitlines()[-1].split(";")[0]) == (130, "interrupted"), said


def test_killed_at_any_moment_a_build_goes_on_where_it_was(built: Path, tiny_recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "variants"
    command = [*COMMAND, "--recipe", str(tiny_recipe), "--out", str(out)]
    environment = {**os.environ, "BENTOML_HOME": str(tmp_path / "bentoml")}
    moments: list[tuple[Callable[[], Any], int]] = [
        (lambda: any(out.glob(".steps/.draft-*")), signal.SIGKILL),  # in the midst of the teacher's training
        (lambda: len(finished(out)) >= 2, signal.SIGINT),
        (lambda: len(finished(out)) >= 8, signal.SIGKILL),
        (
            lambda: len(finished(out)) >= 12 and any(out.glob(".steps/.draft-*")),
            signal.SIGKILL,
        ),  # in the second teacher's
        (lambda: (out / "int8").exists(), signal.SIGKILL),  # while finished folders are published
    ]
    steps: dict[str, int] = {}
    for reached, blow in moments:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        while not reached() and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(blow)
        _, said = process.communicate(timeout=60)
        assert process.returncode == (130 if blow == signal.SIGINT else -blow), said
        assert blow == signal.SIGKILL or said.splitlines()[-1].startswith("interrupted; the finished steps are kept")
        assert steps.items() <= finished(out).items()
        steps = finished(out)
        assert not (out / "build.json").exists()
        for folder in (path for path in out.glob("[!.]*") if path.is_dir()):
            check_whole(folder, read_card(folder))  # no half-written variant
    subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True, timeout=200)
    assert steps.items() <= finished(out).items()
    assert versions(out) == versions(built)
    assert (out / "corpus.jsonl").read_bytes() == (built / "corpus.jsonl").read_bytes()
    assert not [path.name for path in out.rglob("*") if "draft" in path.name]


def test_a_disk_that_takes_no_more_is_one_sentence_and_the_build_goes_on(
    built: Path, copied: Path, tiny_recipe: Path
) -> None:
    shutil.rmtree(copied / "int8")
    command = [*COMMAND, "--recipe", str(tiny_recipe), "--out", str(copied)]
    before = (copied / "build.json").read_bytes()
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=200,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY)),
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("error: "))
    assert line.startswith("error: the disk did not take what the build wrote (File too large)")
    assert "Traceback" not in done.stderr
    assert not (copied / "int8").exists()
    assert not [path.name for path in copied.rglob("*") if "draft" in path.name], "it would take the room that is left"
    assert (copied / "build.json").read_bytes() == before
    assert subprocess.run(command, cwd=ROOT, capture_output=True, timeout=200).returncode == 0
    assert versions(copied) == versions(built)


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


def test_one_is_added_beside_what_stays_as_it_is_and_says_how_far_it_is(
    copied: Path, tiny_recipe: Path, changed: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told.json"
    monkeypatch.setenv("BONSAI_PROGRESS", str(told))
    before, variants = read_build(copied), json.loads(tiny_recipe.read_text())["variants"]
    recipe = changed(variants=variants | {"added": [{"quantize": {"embeddings": False}}]})
    assert main(["--recipe", recipe, "--add", "added", "--out", str(copied)]) == 0
    after = read_build(copied)
    assert list(after.variants) == [*before.variants, "added"]
    assert {name: after.variants[name] for name in before.variants} == before.variants
    said = json.loads(told.read_text())
    assert said["step"].startswith("added: ")
    assert said["figures"]["version"] == read_card(copied / "added").version
    assert said["figures"]["measured"]["p50_ms"] > 0
    assert main(["--recipe", recipe, "--out", str(copied)]) == 0
    assert read_build(copied) == after, "a build of the same recipe has nothing to do"


def test_what_the_model_store_does_not_take_leaves_nothing_behind(
    copied: Path, tiny_recipe: Path, changed: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    variants = json.loads(tiny_recipe.read_text())["variants"]
    recipe = changed(variants=variants | {"unstored": [{"quantize": {"embeddings": False}}]})
    for draft in (copied / ".draft-killed", copied / ".draft-old-int8"):
        draft.mkdir()
    before = (copied / "build.json").read_bytes()

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("models.runtime.store.bentoml.models.create", full)
        assert main(["--recipe", recipe, "--add", "unstored", "--out", str(copied)]) == 2
    assert not (copied / "unstored").exists()
    assert not list(copied.rglob("*draft*"))
    assert (copied / "build.json").read_bytes() == before
    assert main(["--recipe", recipe, "--add", "unstored", "--out", str(copied)]) == 0


def test_a_pruned_sparse_and_quantized_variant_says_how_it_is_stored(
    copied: Path, tiny_recipe: Path, changed: Callable[..., str]
) -> None:
    variants = json.loads(tiny_recipe.read_text())["variants"]
    sparse = [*variants["pruned"], {"sparsify": {"share": 0.8, "steps": 2, "epochs": 1, "last_epochs": 2}}]
    recipe = changed(variants=variants | {"sparse": [*sparse, {"quantize": {}}]})
    assert main(["--recipe", recipe, "--add", "sparse", "--gate", "warn", "--out", str(copied)]) == 0
    card = read_card(copied / "sparse")
    assert card.stored is not None
    assert len(card.stored.sparsity_by_layer) == 4
    assert min(card.stored.sparsity_by_layer) >= 0.79
    assert card.stored.bytes_compressed < card.stored.bytes_sparse < card.bytes
    assert not card.stored.speed_gained
    assert read_card(copied / "pruned").stored is None


def test_a_goal_of_time_is_held_to_the_mean_in_which_a_cascades_escalations_show() -> None:
    slow_at_times = Measured(p50_ms=0.2, p99_ms=9.0, mean_ms=1.5, batch=1, cpu="a CPU", here=True)
    check_fast("cascade", slow_at_times, 1.6)
    with pytest.raises(TooSlow, match=r"^'cascade' takes 1.500 ms a text on average; expected less than 1$"):
        check_fast("cascade", slow_at_times, 1.0)


@pytest.mark.parametrize(
    ("options", "code"), [([], 1), (["--gate", "warn", "--under-ms", "1e-9"], 3), (["--gate", "warn"], 0)]
)
def test_what_is_added_is_judged_and_measured_before_it_is_published(
    copied: Path, tiny_recipe: Path, changed: Callable[..., str], options: list[str], code: int
) -> None:
    variants = json.loads(tiny_recipe.read_text())["variants"]
    spoiled = [{"distill": {"layers": 1, "epochs": 1, "learning_rate": 0.9}}]
    recipe = changed(variants=variants | {"spoiled": spoiled})
    assert main(["--recipe", recipe, "--add", "spoiled", *options, "--out", str(copied)]) == code
    assert ("spoiled" in read_build(copied).variants) is (code == 0)
    assert (copied / "spoiled").exists() is (code == 0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--gate", "error"], "--gate was given without --add"),
        (["--under-ms", "3"], "--under-ms was given without --add"),
        (["--add", "int8", "--only", "int8"], "--only was given with --add"),
        (["--add", "int8", "--keep-head"], "--keep-head was given with --add"),
        (["--add", "int8", "--under-ms", "nan"], "--under-ms is nan; expected milliseconds above 0"),
    ],
)
def test_options_that_would_do_nothing_are_refused(
    options: list[str], said: str, error: Callable[..., str], tmp_path: Path
) -> None:
    assert said in error(*options, "--out", tmp_path)


def test_nothing_is_added_where_anything_else_would_change(
    copied: Path, tiny_recipe: Path, changed: Callable[..., str], error: Callable[..., str], tmp_path: Path
) -> None:
    before, recipe = read_build(copied), json.loads(tiny_recipe.read_text())
    variants = recipe["variants"] | {"added": [{"quantize": {"embeddings": False}}]}
    other = changed(variants=variants, teacher=recipe["teacher"] | {"epochs": 3})
    said = error("--recipe", other, "--add", "added", "--out", copied)
    assert "'added' cannot be added: teacher, pruned, int8" in said
    assert read_build(copied) == before
    empty = error("--recipe", changed(variants=variants), "--add", "added", "--out", tmp_path / "empty")
    assert "nothing is built" in empty
