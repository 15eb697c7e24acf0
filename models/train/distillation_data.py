"""What students are trained on: tokenized texts with the soft targets that teachers give them."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from transformers import BertForSequenceClassification

from models.data.dataset import Dataset, Split
from models.runtime.cpu import bf16_is_fast
from models.runtime.progress import Bar, Beat
from models.runtime.tokenization import Tokenizer

# Texts, and tokens with their padding, that are read at once: what a layer makes of a thousand tokens stays in a core's
# caches, and of sixteen thousand it does not: MiniLM took 1.2 to 1.3 times, one of 768 1.1 to 1.8 times as long.
EVALUATION_BATCH, EVALUATION_TOKENS = 128, 1024
TEXTS_AT_ONCE = 1024  # what `tokenizers` notes of a text takes a hundred times the memory of its ids


@dataclass(frozen=True)
class SoftTargets:
    """What a model makes of some texts: logits (rows, labels) and last [CLS] states (rows, hidden); a student learns
    from its teacher's.
    """

    logits: Tensor
    states: Tensor


@dataclass(frozen=True)
class Tokenized:
    """Token ids of some texts, their labels and, once teachers have read them, their soft targets; batches are padded
    to their longest text.
    """

    ids: "list[array[int]]"  # 4 bytes a token: of 200,000 long texts lists would take gigabytes
    labels: Tensor
    pad_id: int
    targets: SoftTargets | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def batch(self, rows: list[int]) -> dict[str, Tensor]:
        """Return input ids and attention mask (rows, longest text)."""
        longest = max(len(self.ids[row]) for row in rows)
        ids = torch.full((len(rows), longest), self.pad_id)
        mask = torch.zeros_like(ids)
        for place, row in enumerate(rows):
            ids[place, : len(self.ids[row])] = torch.frombuffer(self.ids[row], dtype=torch.int32)
            mask[place, : len(self.ids[row])] = 1
        return {"input_ids": ids, "attention_mask": mask}

    def batches(self, rows: list[int], texts: int, tokens: int) -> Iterator[list[int]]:
        """Cut rows into batches of at most so many texts, and of so many tokens with their padding where a text alone
        has no more.
        """
        batch: list[int] = []
        longest = 0
        for row in rows:
            longest = max(longest, len(self.ids[row]))
            if batch and (len(batch) == texts or (len(batch) + 1) * longest > tokens):
                yield batch
                batch, longest = [], len(self.ids[row])
            batch.append(row)
        if batch:
            yield batch

    def by_length(self) -> Iterator[list[int]]:
        """Yield batches for reading, of texts of like length."""
        return self.batches(
            sorted(range(len(self)), key=lambda row: len(self.ids[row])), EVALUATION_BATCH, EVALUATION_TOKENS
        )


@dataclass(frozen=True)
class DistillationData:
    """What a student is trained on and what chooses the epoch, both read by the teachers."""

    train: Tokenized
    validation: Tokenized


def tokenize(tokenizer: Tokenizer, split: Split) -> Tokenized:
    """Turn a split into token ids, truncated to the model's length."""
    parts = (split.texts[start : start + TEXTS_AT_ONCE] for start in range(0, len(split), TEXTS_AT_ONCE))
    ids = [array("i", row) for texts in parts for row in tokenizer.encode(texts)[0]]
    return Tokenized(ids, torch.tensor(split.labels, dtype=torch.long), tokenizer.pad_id)


class Rows:
    """A data set's training and validation rows, tokenized at their first use and read by nobody."""

    def __init__(self, dataset: Dataset, tokenizer: Tokenizer) -> None:
        self._dataset, self._tokenizer = dataset, tokenizer

    @cached_property
    def train(self) -> Tokenized:
        """The training rows."""
        return tokenize(self._tokenizer, self._dataset.train)

    @cached_property
    def validation(self) -> Tokenized:
        """The validation rows."""
        return tokenize(self._tokenizer, self._dataset.validation)


@torch.inference_mode()
def soft_targets(model: BertForSequenceClassification, data: Tokenized, bar: Bar | Beat | None = None) -> SoftTargets:
    """Run the model over all texts, without dropout, and return logits and [CLS] states in the order of the data."""
    model.eval()
    targets = SoftTargets(
        torch.empty(len(data), model.config.num_labels), torch.empty(len(data), model.config.hidden_size)
    )
    for rows in data.by_length():
        with autocast():
            output = model(**data.batch(rows), output_hidden_states=True)
        targets.logits[rows] = output.logits.float()
        targets.states[rows] = output.hidden_states[-1][:, 0].float()
        if bar is not None:
            bar.advance(by=len(rows))
    return targets


def autocast() -> torch.autocast:
    """Return bf16 autocast where the CPU multiplies bf16 faster than fp32; elsewhere it does nothing."""
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16_is_fast())
