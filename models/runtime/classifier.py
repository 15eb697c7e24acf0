"""The classifier that is evaluated, benchmarked and served: tokenizer, ONNX session and labels of one variant folder
(no torch).
"""

import json
import time
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime

from models.runtime.graph_file import check_graph
from models.runtime.model_file import model_of
from models.runtime.tokenization import Tokenizer

BATCH = 32
PADDING = 32  # tokens of a batch at the most: more take longer than the run that they spare
OUTPUTS = ["logits"]
Logits = npt.NDArray[np.float32]


class Prediction(NamedTuple):
    """The best labels with their probabilities, most likely first, and whether the text was longer than the model
    reads.
    """

    top: list[tuple[str, float]]
    truncated: bool

    @property
    def label(self) -> str:
        return self.top[0][0]


class Best(NamedTuple):
    """The most likely labels of some texts: their numbers and their probabilities, (texts,) each, and which texts were
    truncated.
    """

    numbers: npt.NDArray[np.int64]
    shares: Logits
    truncated: list[bool]

    def named(self, labels: list[str]) -> list[Prediction]:
        """Return one prediction a text."""
        rows = zip(self.numbers.tolist(), self.shares.tolist(), self.truncated, strict=True)
        return [Prediction([(labels[number], share)], cut) for number, share, cut in rows]


class Spent:
    """Seconds that predictions took, added up: text to token ids, and the model."""

    def __init__(self) -> None:
        self.tokenize = self.infer = 0.0


class Predictor(Protocol):
    """What can be evaluated and served: a classifier, or a cascade of two."""

    labels: list[str]
    temperature: float

    def meet(self, texts: Sequence[str]) -> None: ...

    def predict(self, texts: Sequence[str], top_k: int = 1, spent: Spent | None = None) -> list[Prediction]: ...

    def best(self, texts: Sequence[str], spent: Spent | None = None) -> Best: ...

    def probabilities(self, texts: Sequence[str], spent: Spent | None = None) -> tuple[Logits, list[bool]]: ...


class Classifier:
    """One variant, ready to predict; safe to call from several threads."""

    def __init__(
        self,
        folder: Path,
        *,
        max_tokens: int,
        temperature: float = 1.0,
        threads: int = 1,
        tokenizer: Tokenizer | None = None,
        session: onnxruntime.InferenceSession | None = None,
    ) -> None:
        """`tokenizer` and `session` are those of the folder, where they are open already."""
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.labels = [config["id2label"][str(number)] for number in range(len(config["id2label"]))]
        self.temperature = temperature
        self._tokenizer = tokenizer or Tokenizer(folder / "tokenizer.json", max_tokens)
        self._all = np.ones((1, max_tokens), dtype=np.int64)  # the mask of a text alone
        self._session = session or open_session(model_of(folder), threads)
        self._inputs = frozenset(node.name for node in self._session.get_inputs())

    def try_extremes(self) -> None:
        """Run the longest text of the last word piece: what fits no table of the model, or gives other logits than
        labels, fails here and not in a request.
        """
        logits = self.run([[self._tokenizer.last_id] * self._all.shape[1]])
        if logits.shape != (1, len(self.labels)) or not np.isfinite(logits).all():
            raise ValueError(
                f"the model gives logits of shape {logits.shape}, not all of them finite or one for each of the "
                f"{len(self.labels)} labels"
            )

    def meet(self, texts: Sequence[str]) -> None:
        """Let the tokenizer remember the words of some texts, without running the model."""
        self._tokenizer.encode(texts)

    def predict(self, texts: Sequence[str], top_k: int = 1, spent: Spent | None = None) -> list[Prediction]:
        """Classify the texts, in their order; what it takes is added to `spent`."""
        if top_k > 1:
            return rank(self.labels, *self.probabilities(texts, spent), top_k)
        if len(texts) != 1:
            return self.best(texts, spent).named(self.labels)
        logits, truncated = self.logits(texts, spent=spent)
        return [best_of_one(self.labels, logits[0], self.temperature, truncated[0])]

    def best(self, texts: Sequence[str], spent: Spent | None = None) -> Best:
        """Return the most likely label of every text, with its calibrated probability."""
        logits, truncated = self.logits(texts, spent=spent)
        return Best(
            logits.argmax(axis=1), np.float32(1) / np.add.reduce(_shares(logits, self.temperature), axis=1), truncated
        )

    def probabilities(self, texts: Sequence[str], spent: Spent | None = None) -> tuple[Logits, list[bool]]:
        """Return calibrated probabilities (texts, labels) and which texts were truncated."""
        logits, truncated = self.logits(texts, spent=spent)
        return softmax(logits, self.temperature), truncated

    def logits(self, texts: Sequence[str], batch: int = BATCH, spent: Spent | None = None) -> tuple[Logits, list[bool]]:
        """Return logits (texts, labels) and which texts were truncated."""
        started = time.perf_counter()
        ids, truncated = self._tokenizer.encode(texts)
        tokenized = time.perf_counter()
        if len(ids) == 1:
            result = self.run(ids)
        else:
            result = np.empty((len(ids), len(self.labels)), dtype=np.float32)
            for rows in length_sorted_batches(ids, batch):
                result[rows] = self.run([ids[row] for row in rows])
        if spent is not None:
            spent.tokenize += tokenized - started
            spent.infer += time.perf_counter() - tokenized
        return result, truncated

    def run(self, ids: list[list[int]]) -> Logits:
        """Run one batch of token ids through the session, padded to the longest."""
        longest = max(map(len, ids))
        if len(ids) == 1:
            input_ids, mask = np.array(ids, dtype=np.int64), self._all[:, :longest]
        else:
            lengths = np.array(list(map(len, ids)))
            inside = np.arange(longest) < lengths[:, None]
            input_ids = np.full(inside.shape, self._tokenizer.pad_id)
            input_ids[inside] = np.fromiter(chain.from_iterable(ids), dtype=np.int64, count=lengths.sum())
            mask = inside.astype(np.int64)
        feed = {"input_ids": input_ids, "attention_mask": mask}
        if "token_type_ids" in self._inputs:
            feed["token_type_ids"] = np.zeros_like(input_ids)
        return self._session.run(OUTPUTS, feed)[0]  # type: ignore[no-any-return]


def length_sorted_batches(ids: list[list[int]], size: int) -> Iterator[list[int]]:
    """Yield row numbers in batches of at most `size` rows of like length: what padding would fill up is a run of its
    own. Of 32 texts as they come, padding is half.
    """
    batch, tokens = list[int](), 0
    for row in sorted(range(len(ids)), key=lambda row: len(ids[row])):
        length = len(ids[row])
        if batch and (len(batch) == size or len(batch) * length - tokens > PADDING):
            yield batch
            batch, tokens = [], 0
        batch.append(row)
        tokens += length
    if batch:
        yield batch


def open_session(model: Path | bytes, threads: int) -> onnxruntime.InferenceSession:
    """Open an ONNX session on the CPU with its own fixed number of threads (ValueError where the file names others)."""
    check_graph(model)
    return onnxruntime.InferenceSession(model, session_options(threads), providers=["CPUExecutionProvider"])


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """Return the options that every session has."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin between requests take the cores away from the other variants' sessions.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options


def rank(labels: list[str], probabilities: Logits, truncated: list[bool], top_k: int) -> list[Prediction]:
    """Return the `top_k` most likely labels of every row, most likely first."""
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :top_k]
    return [
        Prediction([(labels[number], row.item(number)) for number in numbers], cut)
        for row, numbers, cut in zip(probabilities, order.tolist(), truncated, strict=True)
    ]


def best_of_one(labels: list[str], logits: Logits, temperature: float, truncated: bool) -> Prediction:
    """Return the most likely label of one text: what `Classifier.best` gives, in half its steps.

    After a session has emptied the caches, each step of NumPy costs as much as a small matrix.
    """
    number = int(logits.argmax())
    shares = np.exp((logits - logits[number]) / np.float32(temperature))
    return Prediction([(labels[number], (np.float32(1) / np.add.reduce(shares)).item())], truncated)


def softmax(logits: Logits, temperature: float = 1.0) -> Logits:
    """Turn logits (rows, labels) into probabilities."""
    shares = _shares(logits, temperature)
    return shares / shares.sum(axis=1, keepdims=True)  # type: ignore[no-any-return]


def _shares(logits: Logits, temperature: float) -> Logits:
    """Return the probabilities (rows, labels) as multiples of the row's largest."""
    shares: Logits = logits - np.maximum.reduce(logits, axis=1, keepdims=True)
    shares /= np.float32(temperature)
    return np.exp(shares, out=shares)  # type: ignore[no-any-return]
