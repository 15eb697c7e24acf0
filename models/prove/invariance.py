"""Does a text get the same answer whoever shares its batch? Batch 1 against batches of 32, sorted by length and
shuffled; each is cut into runs of like length, as those are that are served.
"""

from random import Random

import numpy as np

from models.prove.parallel import each
from models.runtime.card import Invariance
from models.runtime.classifier import BATCH, Classifier, Logits


def batch_invariance(classifier: Classifier, texts: list[str], alone: Logits, seed: int = 0) -> Invariance:
    """Compare the logits at batch 1 with those in batches of 32."""
    order = list(range(len(texts)))
    Random(seed).shuffle(order)
    batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
    in_sorted, *of_batches = each(
        lambda some: classifier.logits(some)[0], [texts, *([texts[row] for row in rows] for rows in batches)]
    )
    shuffled = np.empty_like(alone)
    shuffled[order] = np.concatenate(of_batches)
    labels = alone.argmax(axis=1)
    return Invariance(
        flips_sorted=int((in_sorted.argmax(axis=1) != labels).sum()),
        flips_shuffled=int((shuffled.argmax(axis=1) != labels).sum()),
        largest_logit_change=round(float(max(np.abs(in_sorted - alone).max(), np.abs(shuffled - alone).max())), 6),
    )
