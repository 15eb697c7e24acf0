from collections.abc import Callable

import pytest
import torch
from transformers import BertForSequenceClassification

from models.data.dataset import Dataset
from models.plan.checkpoint import Checkpoint
from models.recipe.recipe import TeacherSource
from models.runtime.tokenization import Tokenizer
from models.train.distillation_data import Rows, SoftTargets, Tokenized, soft_targets
from models.train.fine_tune import fine_tune
from models.train.transfer_sets import TransferSets, mean_targets

Make = Callable[[int], TransferSets]


@pytest.fixture(scope="module")
def teachers(
    trained: BertForSequenceClassification,
    checkpoint: Checkpoint,
    dataset: Dataset,
    data: Tokenized,
    validation: Tokenized,
    source: TeacherSource,
) -> list[BertForSequenceClassification]:
    """The served teacher and a second one, from another seed."""
    return [
        trained,
        fine_tune(checkpoint, dataset.labels, data, validation, source.model_copy(update={"epochs": 2}), seed=1),
    ]


@pytest.fixture
def make(
    dataset: Dataset,
    tokenizer: Tokenizer,
    teachers: list[BertForSequenceClassification],
    monkeypatch: pytest.MonkeyPatch,
) -> Make:
    monkeypatch.setattr("models.train.transfer_sets.PART", len(dataset.train))
    return lambda transfer: TransferSets(
        dataset, tokenizer, Rows(dataset, tokenizer), teachers.__getitem__, transfer=transfer, teachers={1, 2}, seed=0
    )


def targets(rows: Tokenized) -> SoftTargets:
    assert rows.targets is not None
    return rows.targets


def test_more_variations_change_none_of_the_fewer(make: Make, dataset: Dataset) -> None:
    rows = len(dataset.train)
    alone, among_more = make(rows).transfer_set(rows, 1), make(2 * rows + 1).transfer_set(rows, 1)
    for few, many in ((alone.train, among_more.train), (alone.validation, among_more.validation)):
        assert few.ids == many.ids
        assert torch.equal(few.labels, many.labels)
        assert torch.equal(targets(few).logits, targets(many).logits)
    assert len(make(2 * rows + 1).transfer_set(2 * rows + 1, 1).train) == 3 * rows + 1


def test_several_teachers_teach_their_mean(
    make: Make, dataset: Dataset, teachers: list[BertForSequenceClassification]
) -> None:
    both = make(0).transfer_set(0, 2)
    for part in (both.train, both.validation):
        first, second = (soft_targets(teacher, part) for teacher in teachers)
        assert (first.logits - second.logits).abs().max() > 0.01
        torch.testing.assert_close(targets(part).logits, (first.logits + second.logits) / 2)
        assert torch.equal(targets(part).states, first.states)


def test_variations_bear_the_label_that_the_teachers_give_them(make: Make, dataset: Dataset) -> None:
    rows = len(dataset.train)
    data = make(rows).transfer_set(rows, 2).train
    assert len(data) == 2 * rows
    assert data.labels[:rows].tolist() == dataset.train.labels
    assert torch.equal(data.labels[rows:], targets(data).logits[rows:].argmax(-1))


def test_each_teacher_reads_each_text_once(
    make: Make, dataset: Dataset, teachers: list[BertForSequenceClassification]
) -> None:
    sets, read = make(len(dataset.train)), []
    hooks = [teacher.register_forward_hook(lambda *_: read.append(1)) for teacher in teachers]
    sets.transfer_set(len(dataset.train), 2)
    count = len(read)
    sets.transfer_set(len(dataset.train), 1)
    sets.transfer_set(0, 2)
    for hook in hooks:
        hook.remove()
    assert count == len(read) == 6  # two teachers, and of rows, held-out rows and variations one batch each


def test_the_mean_of_logits_is_the_geometric_mean_of_soft_labels() -> None:
    several, states = [torch.randn(5, 3) for _ in range(3)], torch.randn(5, 2)
    expected = torch.stack([logits.log_softmax(-1) for logits in several]).mean(0).softmax(-1)
    mean = mean_targets(SoftTargets(torch.stack(several).sum(0), states), 3)
    torch.testing.assert_close(mean.logits.softmax(-1), expected)
    assert mean.states is states
