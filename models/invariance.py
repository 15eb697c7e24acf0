"""Does a text get the same answer whoever shares its batch? Batch 1 against batches of 32, sorted by length and shuffled."""

from random import Random

import numpy as np

from models.card import Invariance
from models.classifier import BATCH, Classifier, Logits


def batch_invariance(classifier: Classifier, texts: list[str], alone: Logits, seed: int = 0) -> Invariance:
    """Compare the logits at batch 1 with those in batches of 32."""
    order = list(range(len(texts)))
    Random(seed).shuffle(order)
    in_sorted, _ = classifier.logits(texts)
    shuffled = np.empty_like(alone)
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        shuffled[rows] = classifier.logits([texts[row] for row in rows])[0]
    labels = alone.argmax(axis=1)
    return Invariance(
        flips_sorted=int((in_sorted.argmax(axis=1) != labels).sum()),
        flips_shuffled=int((shuffled.argmax(axis=1) != labels).sum()),
        largest_logit_change=round(float(max(np.abs(in_sorted - alone).max(), np.abs(shuffled - alone).max())), 6),
    )
