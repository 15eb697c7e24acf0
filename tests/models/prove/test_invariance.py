import shutil
from pathlib import Path

import pytest

from models.data.dataset import Dataset
from models.passes.quantize import quantize_file
from models.plan.checkpoint import Checkpoint
from models.plan.plan import make_plan
from models.prove.evaluation import logits_alone
from models.prove.invariance import batch_invariance
from models.recipe.passes import Quantize
from models.recipe.recipe import Recipe
from models.runtime.card import MODEL_FILE, Card
from models.runtime.classifier import Classifier, Predictor
from tests.models.conftest import CLASSIFIERS, MAX_TOKENS


def found(classifier: Classifier, dataset: Dataset) -> tuple[int, float]:
    texts = dataset.train.texts
    result = batch_invariance(classifier, texts, logits_alone(classifier, texts, title="t"))
    return result.flips_sorted + result.flips_shuffled, result.largest_logit_change


@pytest.mark.parametrize("variant", CLASSIFIERS)
def test_variants_give_a_text_the_same_label_in_any_company(
    variants: dict[str, tuple[Card, Predictor]], dataset: Dataset, variant: str
) -> None:
    card, classifier = variants[variant]
    assert isinstance(classifier, Classifier)
    flips, change = found(classifier, dataset)
    assert flips == 0
    assert change < 1e-4
    assert card.invariance is not None
    assert card.invariance.flips_sorted == card.invariance.flips_shuffled == 0


def test_scales_that_come_from_the_batch_are_noticed(
    built: Path, make_recipe: type[Recipe], dataset: Dataset, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    teacher = make_plan(make_recipe(), dataset, checkpoint).variants[0]
    folder = Path(shutil.copytree(built / "teacher", tmp_path / "dynamic"))
    quantize_file(
        built / ".steps" / teacher.export_key / MODEL_FILE,
        folder / MODEL_FILE,
        Quantize(activations="dynamic_per_batch"),
    )
    assert found(Classifier(folder, max_tokens=MAX_TOKENS), dataset)[1] > 1e-5
