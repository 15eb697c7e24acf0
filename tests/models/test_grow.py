import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tokenizers import Tokenizer as RawTokenizer
from tokenizers import normalizers
from transformers import AutoTokenizer

from models.card import read_card
from models.dataset import Dataset
from models.evidence import read_evidence
from models.grow import Nursery, write_tokenizer
from models.plan import Plan, make_plan
from models.recipe import Recipe, TeacherSource
from models.teacher import Checkpoint, find_teacher
from models.tokenization import Tokenizer
from tests.models.test_tokenization import SAMPLES


@pytest.fixture
def plan(make_recipe: Callable[..., Recipe], dataset: Dataset, checkpoint: Checkpoint) -> Plan:
    return make_plan(make_recipe(), dataset, checkpoint)


def finished(out: Path) -> dict[str, int]:
    """Every finished step with what tells it from one that was made again."""
    return {path.name: path.stat().st_ino for path in (out / ".steps").iterdir() if not path.name.startswith(".")}


def test_finished_steps_are_not_run_again(plan: Plan, copied: Path) -> None:
    steps, card = finished(copied), read_card(copied / "distilled_int8")
    folder = Nursery(plan, copied).grow("distilled_int8")
    assert finished(copied) == steps
    assert read_card(folder) == card


def test_only_the_missing_step_is_run_again(plan: Plan, copied: Path) -> None:
    steps, card = finished(copied), read_card(copied / "distilled_int8")
    variant = next(variant for variant in plan.variants if variant.name == "distilled_int8")
    quantized = copied / ".steps" / variant.graph_passes[0].key
    quantized.rename(copied / "aside")
    (copied / ".steps" / variant.key).rename(copied / "aside too")
    folder = Nursery(plan, copied).grow("distilled_int8")
    assert {key for key, number in finished(copied).items() if steps[key] != number} == {quantized.name, variant.key}
    assert read_card(folder) == card


def test_steps_of_earlier_recipes_are_forgotten(plan: Plan, make_recipe: Callable[..., Recipe], copied: Path) -> None:
    fewer = make_plan(make_recipe(variants={"int8": [{"quantize": {}}]}), plan.dataset, plan.checkpoint)
    assert len(plan.teacher_keys) == 2
    Nursery(plan, copied).forget_unused_steps()
    assert set(plan.teacher_keys) <= set(finished(copied))
    Nursery(fewer, copied).forget_unused_steps()
    left = [{variant.key, *variant.step_keys} for variant in fewer.variants[:2]]
    assert set(finished(copied)) == set(fewer.teacher_keys).union(*left)


def test_where_the_teacher_guesses_no_variant_passes(make_recipe: Callable[..., Recipe], dataset: Dataset, source: TeacherSource, tmp_path: Path) -> None:
    spoiled = source.model_copy(update={"learning_rate": 0.5, "epochs": 1})
    recipe = make_recipe(teacher=spoiled.model_dump(), variants={"int8": [{"quantize": {}}]}, gate={"max_drop": 50.0})
    plan = make_plan(recipe, dataset, find_teacher(spoiled))
    nursery = Nursery(plan, tmp_path)
    teacher, gate = read_card(nursery.grow("teacher")), read_card(nursery.grow("int8")).gate
    assert teacher.majority is not None
    assert not teacher.majority.beaten
    assert gate is not None
    assert gate.high < gate.margin
    assert gate.verdict == "undecided"
    assert gate.withheld is not None
    assert gate.withheld.startswith("the teacher is not shown to be better than always answering")


def test_predictions_belong_to_the_test_rows(built: Path, dataset: Dataset) -> None:
    given = read_evidence(built / "teacher").labels
    assert len(given) == len(dataset.test)
    assert (given == dataset.test.labels).mean() == read_card(built / "teacher").accuracy.value


@pytest.mark.parametrize(
    "lowercase",
    [
        True,
        pytest.param(False),
    ],
)
def test_transformers_reads_the_written_tokenizer_as_we_do(plan: Plan, tiny_checkpoint: Path, tmp_path: Path, lowercase: bool) -> None:
    start, written = tmp_path / "start", tmp_path / "written"
    start.mkdir()
    written.mkdir()
    raw = RawTokenizer.from_file(str(tiny_checkpoint / "tokenizer.json"))
    raw.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    raw.save(str(start / "tokenizer.json"))
    plan = Plan(plan.recipe, plan.dataset, replace(plan.checkpoint, folder=start), (), ())
    write_tokenizer(plan, written)
    (written / "config.json").write_text(json.dumps({"model_type": "bert"}))
    theirs = AutoTokenizer.from_pretrained(written, local_files_only=True)
    assert theirs(SAMPLES, truncation=True)["input_ids"] == Tokenizer(start / "tokenizer.json", 48).encode(SAMPLES)[0]


def test_special_tokens_are_written_under_their_own_names(plan: Plan, unigram_checkpoint: Path, tmp_path: Path) -> None:
    write_tokenizer(replace(plan, checkpoint=replace(plan.checkpoint, folder=unigram_checkpoint)), tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    theirs = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    assert theirs.special_tokens_map == {"unk_token": "<unk>", "sep_token": "</s>", "pad_token": "<pad>", "cls_token": "<s>", "mask_token": "<mask>"}
    assert len(theirs) == RawTokenizer.from_file(str(unigram_checkpoint / "tokenizer.json")).get_vocab_size()
    texts = ["where is my parcel", "字 money"]
    ours = Tokenizer(unigram_checkpoint / "tokenizer.json", 48)
    assert theirs(texts)["input_ids"] == ours.encode(texts)[0]
    assert theirs(texts, padding=True)["input_ids"][1][-1] == ours.pad_id == 1


def test_a_tokenizer_without_a_padding_token_pads_with_one_that_it_has(plan: Plan, tiny_checkpoint: Path, tmp_path: Path) -> None:
    start = tmp_path / "start"
    start.mkdir()
    content = json.loads((tiny_checkpoint / "tokenizer.json").read_text().replace("[PAD]", "nothing")) | {"padding": None}
    (start / "tokenizer.json").write_text(json.dumps(content))
    write_tokenizer(replace(plan, checkpoint=replace(plan.checkpoint, folder=start)), tmp_path)
    assert json.loads((tmp_path / "tokenizer_config.json").read_text())["pad_token"] == "[CLS]"
