"""Static embeddings with a trained head: model2vec's classifier, trained as its own trainer does.

That trainer (`model2vec.train`) needs Lightning, which nothing else here does. So its loop stands here: the same
network (weighted mean of the pieces' vectors, normalized, one hidden layer of 512), Adam, halving of the rate and early
stopping on the validation rows. What differs is in its favour: the epoch that was best there is kept, not the last one,
and patience lasts so many updates at least that a small set is learned too.
"""

import copy
import pickle
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoModel, AutoTokenizer

from models.bench.quiet import quiet
from models.data.dataset import Dataset, Split
from models.prove.latency import Answer
from models.runtime.errors import BonsaiError
from models.runtime.progress import Bar

DIMENSIONS, HIDDEN = 256, 512
RATE, MOST_EPOCHS = 1e-3, 200
PATIENCE, PATIENT_UPDATES = 5, 100  # epochs, and updates where these are more


class StaticClassifier(nn.Module):
    """A vector and a weight for every piece, and a head over the texts' means."""

    def __init__(self, vectors: Tensor, labels: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(vectors.clone())
        self.weights = nn.Parameter(torch.zeros(len(vectors)))
        self.hidden, self.output = nn.Linear(vectors.shape[1], HIDDEN), nn.Linear(HIDDEN, labels)
        for layer in (self.hidden, self.output):
            nn.init.kaiming_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, ids: list[list[int]]) -> Tensor:
        """Return logits (texts, labels); a text without known pieces has the vector 0."""
        lengths = torch.tensor([len(row) for row in ids])
        pieces = torch.tensor([piece for row in ids for piece in row], dtype=torch.long)
        starts = lengths.cumsum(0) - lengths
        sums = functional.embedding_bag(
            pieces, self.vectors, starts, mode="sum", per_sample_weights=torch.sigmoid(self.weights)[pieces]
        )
        means = functional.normalize(sums / lengths.clamp(min=1)[:, None])
        return self.output(functional.relu(self.hidden(means)))  # type: ignore[no-any-return]


def distill_static(plain: Path) -> Any:
    """Distill the teacher's encoder into one vector a piece (model2vec: its outputs for single pieces, PCA, frequency
    weights).
    """
    from model2vec.distill import distill_from_model  # type: ignore[import-not-found,unused-ignore]

    with quiet():
        encoder = AutoModel.from_pretrained(plain, add_pooling_layer=False)
        dimensions = min(DIMENSIONS, encoder.config.hidden_size)
        return distill_from_model(
            model=encoder, tokenizer=AutoTokenizer.from_pretrained(plain), pca_dims=dimensions, device="cpu"
        )


def fit_static(static: Any, dataset: Dataset, taught: Split, max_tokens: int, seed: int) -> tuple[Answer, int, str]:
    """Train the vectors and a head on some rows, and return what answers, its size in bytes and how it was made
    (BonsaiError).
    """
    from model2vec import StaticModel  # type: ignore[import-not-found,unused-ignore]

    ids, held_out = (static.tokenize(split.texts, max_length=max_tokens) for split in (taught, dataset.validation))
    # Pieces that no text has keep their vectors under Adam: trained without them, the rest becomes what it would beside
    # them, in a tenth of the time.
    met = sorted({piece for row in (*ids, *held_out) for piece in row})
    if not met:
        raise BonsaiError("no training text holds a piece of the teacher's vocabulary")
    places = {piece: place for place, piece in enumerate(met)}
    vectors = np.nan_to_num(static.embedding).astype(np.float32)
    torch.manual_seed(seed)
    model = StaticClassifier(torch.from_numpy(vectors[met]), len(dataset.labels))
    ids, held_out = ([[places[piece] for piece in row] for row in rows] for rows in (ids, held_out))
    best = _train(model, ids, taught.labels, held_out, dataset.validation.labels, seed)
    vectors[met] = model.vectors.detach().numpy()
    weights = np.full(len(vectors), 0.5, dtype=np.float32)
    weights[met] = torch.sigmoid(model.weights.detach()).numpy()
    finished = StaticModel(vectors=vectors, weights=weights, tokenizer=static.tokenizer, normalize=True)
    first, last = (
        (layer.weight.detach().numpy().T.copy(), layer.bias.detach().numpy()) for layer in (model.hidden, model.output)
    )

    def answer(texts: Sequence[str]) -> list[str]:
        encoded = finished.encode(list(texts), max_length=max_tokens, use_multiprocessing=False)
        logits = np.maximum(encoded @ first[0] + first[1], 0) @ last[0] + last[1]
        return [dataset.labels[number] for number in logits.argmax(1)]

    size = vectors.nbytes + weights.nbytes + len(finished.tokenizer.to_str()) + len(pickle.dumps((first, last)))
    return (
        answer,
        size,
        f"{static.dim} dimensions from the teacher's encoder, and a head, trained as model2vec's own trainer does "
        f"(best after {best} epochs)",
    )


def _train(
    model: StaticClassifier,
    ids: list[list[int]],
    labels: list[int],
    held_out: list[list[int]],
    right: list[int],
    seed: int,
) -> int:
    """Train until the validation accuracy has not risen for some epochs; leave the model as it was when best, and
    return after how many epochs that was.
    """
    batch = 32 * min(max(1, len(ids) // 960), 16)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    halve = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=3, min_lr=1e-6, threshold=0.03)
    goal, held_out_goal, order = torch.tensor(labels), torch.tensor(right), Random(seed)
    patience = max(PATIENCE, PATIENT_UPDATES * batch // len(ids))
    best: tuple[tuple[float, float], int, dict[str, Any]] = ((-1.0, 0.0), 0, {})
    with Bar("static embeddings", MOST_EPOCHS) as bar:
        for epoch in range(1, MOST_EPOCHS + 1):
            rows = order.sample(range(len(ids)), len(ids))
            for some in (rows[start : start + batch] for start in range(0, len(rows), batch)):
                optimizer.zero_grad(set_to_none=True)
                functional.cross_entropy(model([ids[row] for row in some]), goal[some]).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            with torch.inference_mode():
                logits = model(held_out)
            accuracy = float((logits.argmax(-1) == held_out_goal).double().mean())
            loss = float(functional.cross_entropy(logits, held_out_goal))
            if (accuracy, -loss) > best[0]:
                best = ((accuracy, -loss), epoch, copy.deepcopy(model.state_dict()))
            elif epoch - best[1] >= patience:
                break
            halve.step(loss)
            bar.advance(f"validation {accuracy:.4f}")
        bar.finish(f"validation accuracy {best[0][0]:.4f} after epoch {best[1]}")
    model.load_state_dict(best[2])
    return best[1]
