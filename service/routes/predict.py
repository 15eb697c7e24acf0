"""`POST /{variant}/predict`: texts in, labels and scores out."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from models.runtime.card import Card
from models.runtime.classifier import Prediction
from service.routes.messages import answer, parse_request
from service.routes.refused import refusal
from service.variants.errors import VariantError

# Variant, texts, top_k → the variant's card and its predictions.
Predict = Callable[[str, Sequence[str], int], Awaitable[tuple[Card, list[Prediction]]]]


class Answer(NamedTuple):
    """The body, and what there is to count of it."""

    body: bytes
    version: str
    texts: int


async def predict(body: bytes, variant: str, request_id: str, run: Predict) -> Answer:
    """Answer the body of a request with what `run` predicts (Refused)."""
    request = parse_request(body)
    try:
        card, predictions = await run(variant, request.texts, request.top_k)
    except VariantError as problem:
        raise refusal(problem) from None
    content = answer(card, request_id, predictions, request.top_k)
    return Answer(json.dumps(content, ensure_ascii=False).encode(), card.version, len(predictions))
