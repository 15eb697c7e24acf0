import copy
from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from transformers import BertForSequenceClassification

from models.data.dataset import Split
from models.recipe.passes import SoftLabels
from models.recipe.strict import Schedule
from models.runtime.errors import BonsaiError
from models.runtime.tokenization import Tokenizer
from models.train.distillation_data import DistillationData, Tokenized, soft_targets, tokenize
from models.train.encoder import cls_only
from models.train.training import train

Model = BertForSequenceClassification
SCHEDULE = Schedule(epochs=3, learning_rate=1e-3, batch_size=8)


@pytest.fixture
def model(plain: Model) -> Model:
    return cls_only(plain)


WORDS = "bert.embeddings.word_embeddings.weight"


def occurring(*data: Tokenized) -> list[int]:
    """The word pieces whose embeddings there are while a model is trained on these texts."""
    return sorted({data[0].pad_id, *(piece for texts in data for row in texts.ids for piece in row)})


def accuracy(model: Model, data: Tokenized) -> float:
    return float((soft_targets(model, data).logits.argmax(-1) == data.labels).double().mean())


def test_tokenized_batches_are_padded_to_their_longest_text(tokenizer: Tokenizer) -> None:
    data = tokenize(tokenizer, Split(["money", "where is my parcel"], [0, 1]))
    batch = data.batch([1, 0])
    assert batch["attention_mask"].tolist() == [[1] * 6, [1] * 3 + [0] * 3]
    assert batch["input_ids"].tolist() == [data.ids[1].tolist(), [*data.ids[0], *[tokenizer.pad_id] * 3]]
    assert data.batch([0])["input_ids"].shape == (1, 3)


def test_same_seed_same_weights(model: Model, data: Tokenized, validation: Tokenized) -> None:
    weights = [
        train(copy.deepcopy(model), data, validation, SCHEDULE, seed=seed, title="t").state_dict() for seed in (1, 1, 2)
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert any(not torch.equal(weights[0][name], weights[2][name]) for name in weights[0])


def test_training_learns_and_returns_an_evaluation_model(model: Model, data: Tokenized) -> None:
    assert accuracy(model, data) < 0.5
    trained = train(
        model, data, data, Schedule(epochs=20, learning_rate=3e-3, batch_size=8, patience=20), seed=0, title="t"
    )
    assert accuracy(trained, data) > 0.9
    assert not trained.training


@pytest.mark.parametrize("patience", [1, 3])
def test_the_best_epoch_is_kept_and_patience_ends_the_training(model: Model, data: Tokenized, patience: int) -> None:
    misleading = Tokenized(
        data.ids, (data.labels + 1) % 4, data.pad_id
    )  # the better the model learns, the worse it scores here
    states: list[dict[str, Tensor]] = []

    def remember(module: Model, *_: Any) -> None:
        if not module.training:
            states.append(copy.deepcopy(module.state_dict()))

    hook = model.register_forward_hook(remember)
    schedule = Schedule(epochs=40, learning_rate=2e-3, batch_size=8, patience=patience)
    trained = train(model, data, misleading, schedule, seed=0, title="t")
    hook.remove()
    kept = trained.state_dict()
    scores = []
    for state in states:
        probe = copy.deepcopy(trained)
        table = kept[WORDS].clone()
        table[occurring(data, misleading)] = state[WORDS]
        state[WORDS] = table
        probe.load_state_dict(state)
        scores.append(accuracy(probe, misleading))
    best = max(place for place, score in enumerate(scores) if score == max(scores))
    assert all(torch.equal(kept[name], states[best][name]) for name in kept)
    assert len(states) == best + 1 + patience < schedule.epochs


def test_every_epoch_covers_all_rows_once(model: Model, data: Tokenized, validation: Tokenized) -> None:
    seen: list[tuple[int, ...]] = []
    pieces = torch.tensor(occurring(data, validation))

    def remember(module: Model, _: Any, given: dict[str, Tensor]) -> None:
        if module.training:
            seen.extend(
                tuple(pieces[ids[mask.bool()]].tolist())
                for ids, mask in zip(given["input_ids"], given["attention_mask"], strict=True)
            )

    model.register_forward_pre_hook(remember, with_kwargs=True)
    train(model, data, validation, Schedule(epochs=2, learning_rate=1e-4, batch_size=7), seed=0, title="t")
    epochs = [seen[: len(data)], seen[len(data) :]]
    assert [Counter(epoch) for epoch in epochs] == [Counter(map(tuple, data.ids))] * 2
    assert epochs[0] != epochs[1]


def test_soft_labels_pull_the_student_to_the_teacher(model: Model, distillation: DistillationData) -> None:
    def distance(student: Model) -> tuple[float, float]:
        signal, goal = soft_targets(student, distillation.train), distillation.train.targets
        assert goal is not None
        teacher = functional.log_softmax(goal.logits / 3, -1)
        divergence = functional.kl_div(
            functional.log_softmax(signal.logits / 3, -1), teacher, log_target=True, reduction="batchmean"
        )
        return float(divergence), float(functional.mse_loss(signal.states, goal.states))

    before = distance(model)
    schedule = SoftLabels(epochs=20, learning_rate=3e-3, batch_size=8, patience=20, alpha=0.0, hidden=1.0)
    after = distance(train(model, distillation.train, distillation.validation, schedule, seed=0, title="t"))
    assert all(late < early / 2 for late, early in zip(after, before, strict=True))


@pytest.mark.parametrize("frozen", [True, False])
def test_a_students_embeddings_may_stay_as_they_are(model: Model, distillation: DistillationData, frozen: bool) -> None:
    before = copy.deepcopy(model.bert.embeddings.state_dict())
    schedule = SoftLabels(epochs=1, learning_rate=1e-3, batch_size=8, freeze_embeddings=frozen)
    after = train(
        model, distillation.train, distillation.validation, schedule, seed=0, title="t"
    ).bert.embeddings.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before) == frozen


def test_gradients_are_the_same_in_one_piece_and_in_several(
    model: Model, distillation: DistillationData, monkeypatch: pytest.MonkeyPatch
) -> None:
    # AdamW divides by a gradient's size: in bf16 the last bits of small ones are enough to turn a step around.
    monkeypatch.setattr("models.train.distillation_data.bf16_is_fast", lambda: False)
    schedule = SoftLabels(epochs=1, learning_rate=1e-3, batch_size=16)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        elif hasattr(module, "dropout_prob"):
            module.dropout_prob = 0.0
    whole = train(
        copy.deepcopy(model), distillation.train, distillation.validation, schedule, seed=0, title="t"
    ).state_dict()
    monkeypatch.setattr("models.train.training.TRAINING_TOKENS", 20)
    pieces = train(
        copy.deepcopy(model), distillation.train, distillation.validation, schedule, seed=0, title="t"
    ).state_dict()
    for name in whole:
        torch.testing.assert_close(
            whole[name], pieces[name], rtol=0.02, atol=2e-3
        )  # AdamW divides by the gradient's size: the last bits of small ones count


def test_batches_hold_every_row_once_within_their_bounds(data: Tokenized) -> None:
    batches = list(data.batches(list(range(len(data))), 5, 21))
    assert [row for batch in batches for row in batch] == list(range(len(data)))
    assert all(len(batch) <= 5 and len(batch) * max(len(data.ids[row]) for row in batch) <= 21 for batch in batches)
    assert [len(batch) for batch in data.batches([0, 1], 5, 1)] == [1, 1]  # a text longer than the bound is alone


def test_a_loss_that_is_no_number_ends_the_training(model: Model, data: Tokenized, validation: Tokenized) -> None:
    with torch.no_grad():
        model.classifier.weight[0, 0] = float("nan")
    with pytest.raises(
        BonsaiError, match=r"t: the loss is nan in epoch 1; expected a number: lower learning_rate, which is 0\.002"
    ):
        train(model, data, validation, Schedule(epochs=1, learning_rate=2e-3), seed=0, title="t")


def test_a_student_is_kept_as_it_was_at_its_lowest_validation_loss(
    model: Model, distillation: DistillationData
) -> None:
    schedule = SoftLabels(epochs=12, learning_rate=3e-2, batch_size=8, patience=12, alpha=0.0, hidden=0.0)
    losses: list[float] = []

    def loss(student: Model) -> float:
        goal = distillation.validation.targets
        assert goal is not None
        teacher = functional.log_softmax(goal.logits / 3, -1)
        given = soft_targets(student, distillation.validation).logits
        return float(
            functional.kl_div(functional.log_softmax(given / 3, -1), teacher, log_target=True, reduction="batchmean")
        )

    was_training = [False]

    def remember(module: Model, *_: Any) -> None:
        if was_training[0] and not module.training:
            was_training[0] = False
            losses.append(loss(copy.deepcopy(module)))
        was_training[0] = was_training[0] or module.training

    hook = model.register_forward_pre_hook(remember)
    trained = train(model, distillation.train, distillation.validation, schedule, seed=0, title="t")
    hook.remove()
    assert loss(trained) == pytest.approx(min(losses), rel=0.05)


def test_signal_is_in_the_order_of_the_data(model: Model, data: Tokenized) -> None:
    signal = soft_targets(model, data)
    for row in (0, 7, len(data) - 1):
        alone = soft_targets(model, Tokenized([data.ids[row]], data.labels[[row]], data.pad_id))
        torch.testing.assert_close(
            signal.logits[row], alone.logits[0], rtol=0.05, atol=0.05
        )  # bf16 where the CPU has it
    assert signal.states.shape == (len(data), 32)


def test_signal_is_without_dropout(model: Model, data: Tokenized) -> None:
    model.train()
    assert torch.equal(soft_targets(model, data).logits, soft_targets(model, data).logits)
