"""`POST /{variant}/predict`: texts in, labels and scores out."""

from collections.abc import Sequence
from functools import partial

import orjson

from models.runtime.card import Card
from models.runtime.classifier import Prediction
from service.routes.allowed import spend
from service.routes.exchange import Answer, Request, Service
from service.routes.messages import answer, check_scores, parse_request


async def predict(request: Request, service: Service, variant: str) -> Answer:
    """Answer a request by one variant (Refused, VariantError)."""
    request.card = service.registry.find(variant).card
    asked = parse_request(request.body)
    loaded = service.registry.ask(variant, asked.top_k)
    check_scores(len(asked.texts), asked.top_k)
    spend(request, len(asked.texts))
    finish = partial(encode, loaded.card, request.id, asked.top_k)
    body = await service.run(loaded, asked.texts, asked.top_k, request.deadline, finish, request.times, request.gone)
    request.texts = len(asked.texts)
    return Answer(body)


def encode(card: Card, request_id: str, top_k: int, predictions: Sequence[Prediction]) -> bytes:
    """Return the body of an answer."""
    return orjson.dumps(answer(card, request_id, predictions, top_k))
