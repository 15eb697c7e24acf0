"""`POST /predict`: texts in, labels and scores out, by the variant that the running experiment gives the caller."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial

import orjson

from models.runtime.card import Card
from models.runtime.classifier import Prediction
from models.runtime.traces import log_failure
from service.experiments.recording import Answered, fail, note
from service.experiments.running import Assigned
from service.routes.allowed import spend
from service.routes.exchange import Answer, Request, Service
from service.routes.messages import answer, check_scores, parse_assigned
from service.routes.refused import refusal
from service.store.rows import has_failed
from service.variants.errors import VariantError

logger = logging.getLogger("bentoml.bonsai")


async def predict_assigned(request: Request, service: Service) -> Answer:
    """Answer a request by the variant of its caller (Refused, VariantError, ExperimentError)."""
    experiments = service.experiments
    running = experiments.running
    asked = parse_assigned(request.body, running.field, others=experiments.is_kept)
    assigned = running.assign(request.headers, asked.unit, request.id)
    loaded = service.registry.ask(assigned.variant, asked.top_k)
    request.card = loaded.card
    check_scores(len(asked.texts), asked.top_k)
    spend(request, len(asked.texts))
    if assigned.standing is None:
        finish = partial(encode, assigned, loaded.card, request.id, asked.top_k, None)
    else:
        finish = partial(_encode_noted, assigned, loaded.card, request, asked.top_k, asked.texts)
    try:
        body, answered = await service.run(
            loaded, asked.texts, asked.top_k, request.deadline, finish, request.times, request.gone
        )
    except VariantError as problem:
        status = refusal(problem).status
        if assigned.standing is not None and has_failed(status):
            experiments.record([fail(assigned, loaded.card.version, status, time.time(), _ms(request))])
        raise
    request.texts = len(asked.texts)
    if answered is not None:
        experiments.record(answered.rows)
        if running.shadows:
            asyncio.get_running_loop().call_soon(_shadow, service, answered)  # once the answer has left
    experiment = assigned.standing.experiment.name if assigned.standing is not None else ""
    return Answer(body, headers=_headers(assigned.variant, experiment))


def _shadow(service: Service, answered: Answered) -> None:
    try:
        service.experiments.shadow(answered)
    except Exception as problem:  # the answer has left: nobody else would say so
        log_failure(logger, problem, "an answer was not shadowed")


def _encode_noted(
    assigned: Assigned,
    card: Card,
    request: Request,
    top_k: int,
    texts: Sequence[str],
    predictions: Sequence[Prediction],
) -> tuple[bytes, Answered | None]:
    answered = note(assigned, card.version, texts, predictions, time.time(), _ms(request))
    return encode(assigned, card, request.id, top_k, answered, predictions)


def encode(
    assigned: Assigned,
    card: Card,
    request_id: str,
    top_k: int,
    answered: Answered | None,
    predictions: Sequence[Prediction],
) -> tuple[bytes, Answered | None]:
    """Return the body of an answer; under an experiment it says which, which arm, and each prediction's id."""
    content = answer(card, request_id, predictions, top_k)
    standing = assigned.standing
    if standing is not None and answered is not None:
        content["experiment"], content["arm"] = standing.experiment.name, assigned.variant
        rows = content["predictions"]
        for place, id in enumerate(answered.ids):  # a zip that is to be strict takes as long as all else here
            rows[place]["prediction_id"] = id
    return orjson.dumps(content), answered


@lru_cache
def _headers(variant: str, experiment: str) -> Mapping[str, str]:
    named = {"X-Bonsai-Variant": variant}
    return {**named, "X-Bonsai-Experiment": experiment, "X-Bonsai-Arm": variant} if experiment else named


def _ms(request: Request) -> float:
    return (time.monotonic() - request.began) * 1000
