"""The work of every peer: the same predictor, the same question, the same answer."""

import os
from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from models.runtime.card import read_card
from models.runtime.classifier import Predictor
from models.runtime.loading import load_variants

Answer = list[dict[str, Any]]


def open_predictor() -> Predictor:
    """Load the variant that BONSAI_VARIANTS and PEER_VARIANT name, with the parts that a cascade needs."""
    variants, name = Path(os.environ["BONSAI_VARIANTS"]), os.environ["PEER_VARIANT"]
    cascade = read_card(variants / name).cascade
    names = [cascade.small, cascade.large, name] if cascade else [name]
    return load_variants({one: variants / one for one in names})[name][1]


def workers() -> int:
    """Return the processes that classify (PEER_WORKERS, 1)."""
    return int(os.environ.get("PEER_WORKERS", "1"))


def answer(predictor: Predictor, texts: Sequence[str]) -> Answer:
    """Return a label and its score for every text."""
    return [{"label": one.label, "score": one.top[0][1]} for one in predictor.predict(texts)]


def answer_batch(predictor: Predictor, requests: Sequence[Sequence[str]]) -> list[Answer]:
    """Answer several requests with one call of the predictor, whatever number of texts each of them has."""
    answers = answer(predictor, [text for texts in requests for text in texts])
    return [answers[start:end] for start, end in pairwise(accumulate(map(len, requests), initial=0))]
