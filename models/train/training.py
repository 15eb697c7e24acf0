"""The one training loop: it serves the teacher, the recovery after pruning, weights held at zero, and the student."""

import copy
import math
from collections.abc import Iterator
from random import Random
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import BertForSequenceClassification

from models.recipe.passes import Distill, SoftLabels
from models.recipe.strict import Schedule
from models.runtime.errors import BonsaiError
from models.runtime.progress import Bar
from models.train.connections import Connections
from models.train.distillation_data import SoftTargets, Tokenized, autocast, soft_targets
from models.train.occurring import only_occurring

# tokens with their padding whose gradients are computed at once: attention keeps texts x heads x tokens² of them
TRAINING_TOKENS = 4096
WARM_UP = 0.1  # share of the steps over which the learning rate rises


def train(
    model: BertForSequenceClassification,
    data: Tokenized,
    validation: Tokenized,
    schedule: Schedule,
    *,
    seed: int,
    title: str,
    connections: Connections | None = None,
    keep_last: bool = False,
) -> BertForSequenceClassification:
    """Train with AdamW and a linear schedule; return the model as it was after the best epoch.

    What `connections` holds at zero stays there, and its other weights are penalized as it says. `keep_last` returns
    the model after the last epoch: a penalty is paid for in accuracy, and the best epoch would be that of the least.

    That is the one with the highest validation accuracy, or for a student the one with the lowest validation loss: a
    finer measure than counting labels.
    """
    _freeze_embeddings(model, schedule)
    if model.get_input_embeddings().weight.requires_grad:
        with only_occurring(model, data, validation) as (some, others):
            return _train(model, some, others, schedule, seed, title, connections, keep_last)
    return _train(model, data, validation, schedule, seed, title, connections, keep_last)


def _train(
    model: BertForSequenceClassification,
    data: Tokenized,
    validation: Tokenized,
    schedule: Schedule,
    seed: int,
    title: str,
    connections: Connections | None,
    keep_last: bool,
) -> BertForSequenceClassification:
    torch.manual_seed(seed)
    order = Random(seed)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    # No weight decay on biases and LayerNorm: the usual recipe for BERT (Devlin et al. 2019).
    penalized = {id(weight) for weight in connections.weights} if connections else set()
    decayed = [parameter for parameter in trained if parameter.ndim > 1 and id(parameter) not in penalized]
    other = [parameter for parameter in trained if parameter.ndim <= 1]
    groups: list[dict[str, Any]] = [{"params": decayed, "weight_decay": 0.01}, {"params": other, "weight_decay": 0.0}]
    if connections:  # their penalty is not AdamW's
        groups.append({"params": connections.weights, "weight_decay": 0.0})
    optimizer = torch.optim.AdamW(groups, lr=schedule.learning_rate, fused=True)
    steps = schedule.epochs * -(-len(data) // schedule.batch_size)
    scale = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / max(1, WARM_UP * steps), (steps - step) / ((1 - WARM_UP) * steps))
    )
    best, best_fitness, best_epoch, best_accuracy, accuracy = copy.deepcopy(model.state_dict()), -math.inf, 0, 0.0, 0.0
    with Bar(title, steps) as bar:
        for epoch in range(1, schedule.epochs + 1):
            model.train()
            for rows in _length_sorted_batches(data, schedule.batch_size, order):
                optimizer.zero_grad(set_to_none=True)
                loss = sum(
                    _backward(model, data, some, schedule, len(rows))
                    for some in data.batches(rows, len(rows), TRAINING_TOKENS)
                )
                if not math.isfinite(loss):
                    raise BonsaiError(
                        f"{title}: the loss is {loss} in epoch {epoch}; expected a number: lower learning_rate, which "
                        f"is {schedule.learning_rate:g}"
                    )
                if connections:
                    connections.hold()
                torch.nn.utils.clip_grad_norm_(trained, 1.0)
                optimizer.step()
                if connections:
                    connections.penalize(float(scale.get_last_lr()[0]))
                scale.step()
                bar.advance(f"epoch {epoch}/{schedule.epochs}, loss {loss:.3f}, validation {accuracy:.4f}")
            given = soft_targets(model, validation, bar.beat)
            accuracy = float((given.logits.argmax(-1) == validation.labels).double().mean())
            fitness = (
                float(epoch)
                if keep_last
                else accuracy
                if validation.targets is None
                else -float(_loss(given, validation.labels, validation.targets, schedule))
            )
            if fitness >= best_fitness:  # of equals the later: it saw more updates at a lower learning rate
                best, best_fitness, best_epoch, best_accuracy = (
                    copy.deepcopy(model.state_dict()),
                    fitness,
                    epoch,
                    accuracy,
                )
            elif epoch - best_epoch >= schedule.patience:
                break
        bar.finish(f"validation accuracy {best_accuracy:.4f} after epoch {best_epoch} of {schedule.epochs}")
    model.load_state_dict(best)
    return model.eval()


def _backward(
    model: BertForSequenceClassification, data: Tokenized, rows: list[int], schedule: Schedule, of: int
) -> float:
    """Add the gradients of some rows' share in the mean loss of a batch `of` so many rows, and return that share."""
    with autocast():
        output = model(**data.batch(rows), output_hidden_states=True)
    given = SoftTargets(output.logits.float(), output.hidden_states[-1][:, 0].float())
    goal = SoftTargets(data.targets.logits[rows], data.targets.states[rows]) if data.targets else None
    loss = _loss(given, data.labels[rows], goal, schedule) * (len(rows) / of)
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.item()


def _freeze_embeddings(model: BertForSequenceClassification, schedule: Schedule) -> None:
    """Choose which embeddings are trained: contextual ones stay as they were read, and only the positions, which began
    at zero, and the LayerNorm learn.
    """
    frozen = isinstance(schedule, SoftLabels) and schedule.freeze_embeddings
    contextual = isinstance(schedule, Distill) and schedule.contextual > 0
    model.bert.embeddings.requires_grad_(not frozen)
    if frozen and contextual:
        model.bert.embeddings.position_embeddings.requires_grad_(True)
        model.bert.embeddings.LayerNorm.requires_grad_(True)


def _loss(given: SoftTargets, labels: Tensor, goal: SoftTargets | None, schedule: Schedule) -> Tensor:
    hard = functional.cross_entropy(given.logits, labels)
    if goal is None or not isinstance(schedule, SoftLabels):
        return hard
    hidden = functional.mse_loss(given.states, goal.states)
    # T² keeps the soft part's gradients at the size of the hard part's (Hinton et al. 2015, section 2).
    soft = schedule.temperature**2 * _divergence(given.logits, goal.logits, schedule.temperature)
    return schedule.alpha * hard + (1 - schedule.alpha) * soft + schedule.hidden * hidden


def _divergence(logits: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Return the mean Kullback-Leibler divergence of the rows' soft labels from the teacher's."""
    target = functional.log_softmax(teacher / temperature, dim=-1)
    return functional.kl_div(
        functional.log_softmax(logits / temperature, dim=-1), target, log_target=True, reduction="batchmean"
    )


def _length_sorted_batches(data: Tokenized, size: int, order: Random) -> Iterator[list[int]]:
    """Yield shuffled batches of texts of like length, so that little is spent on padding."""
    rows = list(range(len(data)))
    order.shuffle(rows)
    rows.sort(key=lambda row: len(data.ids[row]))  # stable: rows of one length stay shuffled
    batches = [rows[start : start + size] for start in range(0, len(rows), size)]
    order.shuffle(batches)
    yield from batches
