"""The one training loop: it serves the teacher, the recovery after pruning and the student."""

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import BertForSequenceClassification

from models.cpu import cpu_fields
from models.dataset import Split
from models.progress import Bar
from models.recipe import Distill, Schedule, SoftLabels
from models.tokenization import Tokenizer

EVALUATION_BATCH = 128
WARM_UP = 0.1  # share of the steps over which the learning rate rises


@dataclass(frozen=True)
class Signal:
    """What a model makes of some texts: logits (rows, labels) and last [CLS] states (rows, hidden); a student learns from its teacher's."""

    logits: Tensor
    states: Tensor


@dataclass(frozen=True)
class Tokenized:
    """Token ids of some texts, their labels and, once teachers have read them, their signal; batches are padded to their longest text."""

    ids: list[list[int]]
    labels: Tensor
    pad_id: int
    signal: Signal | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def batch(self, rows: list[int]) -> dict[str, Tensor]:
        """Return input ids and attention mask (rows, longest text)."""
        longest = max(len(self.ids[row]) for row in rows)
        ids = torch.full((len(rows), longest), self.pad_id)
        mask = torch.zeros_like(ids)
        for place, row in enumerate(rows):
            ids[place, : len(self.ids[row])] = torch.tensor(self.ids[row])
            mask[place, : len(self.ids[row])] = 1
        return {"input_ids": ids, "attention_mask": mask}


@dataclass(frozen=True)
class Lesson:
    """What a student is trained on and what chooses the epoch, both read by the teachers."""

    data: Tokenized
    validation: Tokenized


def tokenize(tokenizer: Tokenizer, split: Split) -> Tokenized:
    """Turn a split into token ids, truncated to the model's length."""
    ids, _ = tokenizer.encode(split.texts)
    return Tokenized([list(row) for row in ids], torch.tensor(split.labels, dtype=torch.long), tokenizer.pad_id)


def join(taught: Tokenized, more: Tokenized) -> Tokenized:
    """Append rows without labels of their own, which take those that the teachers give them."""
    assert taught.signal is not None
    assert more.signal is not None
    signal = Signal(torch.cat([taught.signal.logits, more.signal.logits]), torch.cat([taught.signal.states, more.signal.states]))
    labels = torch.cat([taught.labels, more.signal.logits.argmax(-1)])
    return Tokenized(taught.ids + more.ids, labels, taught.pad_id, signal)


def train(
    model: BertForSequenceClassification,
    data: Tokenized,
    validation: Tokenized,
    schedule: Schedule,
    *,
    seed: int,
    title: str,
) -> BertForSequenceClassification:
    """Train with AdamW and a linear schedule; return the model as it was after the best epoch.

    That is the one with the highest validation accuracy, or for a student the one with the lowest validation loss: a finer measure than counting labels.
    """
    torch.manual_seed(seed)
    order = Random(seed)
    _freeze_embeddings(model, schedule)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    # No weight decay on biases and LayerNorm: the usual recipe for BERT (Devlin et al. 2019).
    decayed = [parameter for parameter in trained if parameter.ndim > 1]
    other = [parameter for parameter in trained if parameter.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": other, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=schedule.learning_rate, fused=True)
    steps = schedule.epochs * -(-len(data) // schedule.batch_size)
    scale = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min((step + 1) / max(1, WARM_UP * steps), (steps - step) / ((1 - WARM_UP) * steps)))
    best, best_fitness, best_epoch, best_accuracy, accuracy = copy.deepcopy(model.state_dict()), -math.inf, 0, 0.0, 0.0
    with Bar(title, steps) as bar:
        for epoch in range(1, schedule.epochs + 1):
            model.train()
            for rows in _length_sorted_batches(data, schedule.batch_size, order):
                with autocast():
                    output = model(**data.batch(rows), output_hidden_states=True)
                given = Signal(output.logits.float(), output.hidden_states[-1][:, 0].float())
                goal = Signal(data.signal.logits[rows], data.signal.states[rows]) if data.signal else None
                loss = _loss(given, data.labels[rows], goal, schedule)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(trained, 1.0)
                optimizer.step()
                scale.step()
                bar.advance(f"epoch {epoch}/{schedule.epochs}, loss {loss.item():.3f}, validation {accuracy:.4f}")
            given = signal_of(model, validation)
            accuracy = float((given.logits.argmax(-1) == validation.labels).double().mean())
            fitness = accuracy if validation.signal is None else -float(_loss(given, validation.labels, validation.signal, schedule))
            if fitness >= best_fitness:  # of equals the later: it saw more updates at a lower learning rate
                best, best_fitness, best_epoch, best_accuracy = copy.deepcopy(model.state_dict()), fitness, epoch, accuracy
            elif epoch - best_epoch >= schedule.patience:
                break
        bar.finish(f"validation accuracy {best_accuracy:.4f} after epoch {best_epoch} of {schedule.epochs}")
    model.load_state_dict(best)
    return model.eval()


def _freeze_embeddings(model: BertForSequenceClassification, schedule: Schedule) -> None:
    """Choose which embeddings are trained: contextual ones stay as they were read, and only the positions, which began at zero, and the LayerNorm learn."""
    frozen = isinstance(schedule, SoftLabels) and schedule.freeze_embeddings
    contextual = isinstance(schedule, Distill) and schedule.contextual > 0
    model.bert.embeddings.requires_grad_(not frozen)
    if frozen and contextual:
        model.bert.embeddings.position_embeddings.requires_grad_(True)
        model.bert.embeddings.LayerNorm.requires_grad_(True)


@torch.inference_mode()
def signal_of(model: BertForSequenceClassification, data: Tokenized) -> Signal:
    """Run the model over all texts, without dropout, and return logits and [CLS] states in the order of the data."""
    model.eval()
    order = sorted(range(len(data)), key=lambda row: len(data.ids[row]))
    logits, states = [], []
    for start in range(0, len(order), EVALUATION_BATCH):
        with autocast():
            output = model(**data.batch(order[start : start + EVALUATION_BATCH]), output_hidden_states=True)
        logits.append(output.logits.float())
        states.append(output.hidden_states[-1][:, 0].float())
    back = torch.from_numpy(np.argsort(order))
    return Signal(torch.cat(logits)[back], torch.cat(states)[back])


def autocast() -> torch.autocast:
    """Return bf16 autocast where the CPU multiplies bf16 faster than fp32; elsewhere it does nothing.

    Emerald Rapids with its tiles (AMX) hidden has the bf16 instructions and yet takes 503 ms for the step that fp32 does in 341 ms; Zen 4 gains.
    """
    amd = "AuthenticAMD" in cpu_fields().get("vendor_id", "")
    fast = torch.cpu._is_amx_tile_supported() or (amd and torch.cpu._is_avx512_bf16_supported())
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=fast)


def _loss(given: Signal, labels: Tensor, goal: Signal | None, schedule: Schedule) -> Tensor:
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
    return functional.kl_div(functional.log_softmax(logits / temperature, dim=-1), target, log_target=True, reduction="batchmean")


def _length_sorted_batches(data: Tokenized, size: int, order: Random) -> Iterator[list[int]]:
    """Yield shuffled batches of texts of like length, so that little is spent on padding."""
    rows = list(range(len(data)))
    order.shuffle(rows)
    rows.sort(key=lambda row: len(data.ids[row]))  # stable: rows of one length stay shuffled
    batches = [rows[start : start + size] for start in range(0, len(rows), size)]
    order.shuffle(batches)
    yield from batches
