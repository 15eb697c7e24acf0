from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from models.data.dataset import Dataset
from models.plan.checkpoint import Checkpoint
from models.plan.plan import check_recipe, make_plan
from models.recipe.passes import PASSES, Distill, PassConfig, Prune, Quantize, Trim
from models.recipe.recipe import Recipe
from models.runtime.errors import BonsaiError

MakeRecipe = Callable[..., Recipe]
PRUNED, INT8 = [{"prune": {"remove_heads": 1}}], [{"quantize": {}}]
DISTILLED, BOTH = [{"distill": {"layers": 2}}], [{"distill": {"layers": 2}}, {"quantize": {}}]
TRIMMED = [{"trim": {"tokens": 100}}, {"quantize": {}}]
CASCADE = {"cascade": {"small": "distilled", "large": "int8"}}
VARIANTS = {
    "pruned": PRUNED,
    "int8": INT8,
    "distilled": DISTILLED,
    "distilled_int8": BOTH,
    "trimmed": TRIMMED,
    "cascade": CASCADE,
}


@pytest.fixture
def keys(make_recipe: MakeRecipe, dataset: Dataset, checkpoint: Checkpoint) -> Callable[..., dict[str, str]]:
    def of(data: Dataset = dataset, start: Checkpoint = checkpoint, **changes: Any) -> dict[str, str]:
        return {
            variant.name: variant.key
            for variant in make_plan(make_recipe(**{"variants": VARIANTS, **changes}), data, start).variants
        }

    return of


def test_teacher_comes_first_and_keys_differ(keys: Callable[..., dict[str, str]]) -> None:
    assert list(keys()) == ["teacher", *VARIANTS]
    assert len(set(keys().values())) == len(VARIANTS) + 1
    assert keys() == keys()


@pytest.mark.parametrize(
    ("changes", "stale"),
    [
        ({"seed": 1}, {"teacher", *VARIANTS}),
        ({"teacher": {"epochs": 9, "max_tokens": 48}}, {"teacher", *VARIANTS}),
        ({"variants": {**VARIANTS, "pruned": [{"prune": {"remove_heads": 2}}]}}, {"pruned"}),
        ({"variants": {**VARIANTS, "pruned": [{"prune": {"remove_heads": 1, "scope": "model"}}]}}, {"pruned"}),
        ({"variants": {**VARIANTS, "distilled": [{"distill": {"layers": [1, 3]}}]}}, {"distilled", "cascade"}),
        (
            {"variants": {**VARIANTS, "distilled_int8": [{"distill": {"layers": 2, "alpha": 0.1}}, {"quantize": {}}]}},
            {"distilled_int8"},
        ),
        ({"variants": {**VARIANTS, "cascade": {"cascade": {"small": "distilled", "large": "teacher"}}}}, {"cascade"}),
        (
            {"variants": {**VARIANTS, "distilled": [{"distill": {"layers": 2, "teachers": 2}}]}},
            {"distilled", "cascade"},
        ),
        ({"gate": {"max_drop": 2.0}}, {"teacher", *VARIANTS}),
        ({"gate": {"on_fail": "error"}}, set()),
        ({"variants": {**VARIANTS, "new": [{"distill": {"layers": 1}}]}}, set()),
        ({"variants": {"distilled_int8": BOTH, **VARIANTS}}, set()),
        (
            {
                "variants": {
                    **VARIANTS,
                    "pruned": [{"prune": {"remove_heads": 1, "temperature": 3.0, "scope": "layer"}}],
                }
            },
            set(),
        ),
        ({"dataset": {"source": "elsewhere"}}, set()),
    ],
)
def test_keys_change_with_what_goes_into_a_variant_and_nothing_else(
    keys: Callable[..., dict[str, str]], changes: Any, stale: set[str]
) -> None:
    before, after = keys(), keys(**changes)
    assert {name for name in before if before[name] != after[name]} == stale


def test_all_keys_change_with_data_and_checkpoint(
    keys: Callable[..., dict[str, str]], dataset: Dataset, checkpoint: Checkpoint
) -> None:
    for other in (keys(replace(dataset, sha256="other")), keys(start=replace(checkpoint, fingerprint="other"))):
        assert not set(keys().values()) & set(other.values())
    assert keys(replace(dataset, name="moved"), replace(checkpoint, name="moved")) == keys()


@pytest.mark.parametrize(
    ("kind", "stale"),
    [
        (Prune, {"pruned"}),
        (Distill, {"distilled", "distilled_int8", "cascade"}),
        (Trim, {"trimmed"}),
        (Quantize, {"int8", "distilled_int8", "trimmed", "cascade"}),
    ],
)
def test_a_pass_of_a_new_version_makes_its_variants_stale(
    keys: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch, kind: type[PassConfig], stale: set[str]
) -> None:
    before = keys()
    name = kind.pass_name()
    monkeypatch.setitem(PASSES, name, replace(PASSES[name], version=1000))
    assert {name for name, key in keys().items() if key != before[name]} == stale


def test_variants_share_the_steps_that_they_have_in_common(
    make_recipe: MakeRecipe, dataset: Dataset, checkpoint: Checkpoint
) -> None:
    found = {
        variant.name: variant for variant in make_plan(make_recipe(variants=VARIANTS), dataset, checkpoint).variants
    }
    assert found["distilled"].step_keys < found["distilled_int8"].step_keys
    assert found["teacher"].step_keys < found["int8"].step_keys
    assert not found["pruned"].step_keys & found["distilled"].step_keys
    assert [next(iter(entry)) for entry in found["distilled_int8"].passes] == ["distill", "quantize"]


@pytest.mark.parametrize(
    ("passes", "said"),
    [
        ([{"distill": {"layers": 5}}], "distill: layers is 5, of a model with 4; expected 1 to 4"),
        (
            [{"distill": {"layers": 1, "contextual": 4}}],
            "distill: contextual is 4, of a model with 4 layers; expected 0 to 3",
        ),
        (
            [{"distill": {"layers": [0, 4]}}],
            r"distill: layers is \[0, 4\], of a model with 4; .*distinct layers from 0 to 3",
        ),
        ([{"distill": {"layers": [1, 1]}}], r"distill: layers is \[1, 1\]"),
        ([{"distill": {"layers": []}}], r"distill: layers is \[\]"),
        ([{"distill": {"layers": 2}}, {"distill": {"layers": 3}}], "distill: layers is 3, of a model with 2"),
        ([{"prune": {"remove_heads": 4}}], "prune: remove_heads is 4, of 4 a layer; expected 0 to 3"),
        pytest.param(
            [{"prune": {"remove_heads": 2}}, {"prune": {"remove_heads": 2}}],
            "prune: remove_heads is 2, of 2 a layer",
        ),
    ],
)
def test_impossible_shapes_are_refused_before_training(
    make_recipe: MakeRecipe, checkpoint: Checkpoint, passes: Any, said: str
) -> None:
    with pytest.raises(BonsaiError, match=f"^variant 'small', {said}"):
        check_recipe(make_recipe(variants={"small": passes}), checkpoint)


def test_as_many_teachers_are_planned_as_the_pass_that_asks_for_most(
    make_recipe: MakeRecipe, dataset: Dataset, checkpoint: Checkpoint
) -> None:
    few, many = Distill(layers=1, teachers=2), Prune(remove_heads=1, teachers=3)
    alone = make_plan(make_recipe(variants=VARIANTS), dataset, checkpoint)
    made = make_plan(make_recipe(variants={"few": [few], "many": [many], "int8": INT8}), dataset, checkpoint)
    assert len(alone.teacher_keys) == 1
    assert len(set(made.teacher_keys)) == 3
    assert made.teacher_keys[0] == alone.teacher_keys[0]
    assert [step.config.teachers for variant in made.variants[1:3] for step in variant.torch_passes] == [2, 3]


def test_a_trained_head_is_the_only_teacher(make_recipe: MakeRecipe, dataset: Dataset, checkpoint: Checkpoint) -> None:
    head = {"architectures": ["BertForSequenceClassification"], "id2label": dict(enumerate(dataset.labels))}
    trained = replace(
        checkpoint,
        config={**checkpoint.config, **head},
        weights=replace(checkpoint.weights, outputs=len(dataset.labels)),
    )
    made = make_plan(make_recipe(variants={"few": [Distill(layers=1, teachers=3)]}), dataset, trained)
    assert len(made.teacher_keys) == 1
    assert made.variants[1].passes[0]["distill"]["teachers"] == 1


@pytest.mark.parametrize("kind", ["BPE", "WordLevel"])
def test_a_vocabulary_that_cannot_be_trimmed_is_refused_before_training(
    make_recipe: MakeRecipe, checkpoint: Checkpoint, kind: str
) -> None:
    recipe = make_recipe(variants={"small": TRIMMED})
    for fine in ("WordPiece", "Unigram"):
        check_recipe(recipe, replace(checkpoint, tokenizer=fine))
    with pytest.raises(
        BonsaiError,
        match=f"^variant 'small', trim: the teacher's tokenizer is of the kind {kind}; expected WordPiece or Unigram",
    ):
        check_recipe(recipe, replace(checkpoint, tokenizer=kind))
    check_recipe(make_recipe(variants={"small": DISTILLED}), replace(checkpoint, tokenizer=kind))
