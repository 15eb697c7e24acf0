"""`POST /feedback`: the truth about predictions, answered once it is stored."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Collection
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from service.experiments.errors import ExperimentError, UnknownExperiment
from service.experiments.running import Running
from service.routes.allowed import spend
from service.routes.exchange import Answer, Request, Service
from service.routes.json_body import check_strings, once
from service.routes.refused import Refused, refused_experiment
from service.store.rows import Outcome, Truth

MOST = 1_000  # pieces of feedback in one request


class Feedback(BaseModel):
    """The truth about one prediction: its right label, and the experiment's metric where it has one."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    prediction_id: str
    label: str
    value: float | None = None


class FeedbackRequest(BaseModel):
    """Feedback about up to 1,000 predictions."""

    model_config = ConfigDict(extra="forbid", strict=True)

    feedback: Annotated[list[Feedback], Field(min_length=1, max_length=MOST)]


class FeedbackResponse(BaseModel):
    """How many of them are new, and how many were there already."""

    accepted: int
    repeated: int


_LIST = TypeAdapter(Annotated[list[Feedback], Field(min_length=1, max_length=MOST)])


async def feedback(request: Request, service: Service) -> Answer:
    """Store feedback (Refused, ExperimentError, StoreError); of what one request brings all is stored, or nothing."""
    given = parse_feedback(request.body)
    spend(request, len(given))
    experiments, now = service.experiments, time.time()
    experiments.store  # noqa: B018 (says so where there is none)
    labels = dict.fromkeys(service.registry.variants[0].predictor.labels)
    if not experiments.running.secret:  # the store was away when this worker began: nobody could tell what is forged
        await asyncio.to_thread(experiments.refresh)
    try:
        truths = _truths(given, experiments.running, now, labels)
    except UnknownExperiment:  # which another worker, or another machine, may know of already
        await asyncio.to_thread(experiments.refresh)
        try:
            truths = _truths(given, experiments.running, now, labels)
        except UnknownExperiment as problem:
            raise refused_experiment(problem) from None
    outcomes = await asyncio.wrap_future(experiments.give(truths))
    contradicting = [number for number, outcome in enumerate(outcomes) if outcome is Outcome.CONTRADICTS]
    counts = Counter(outcomes)
    stored = {"accepted": counts[Outcome.NEW], "repeated": counts[Outcome.REPEATED]}
    if contradicting:
        shown = ", ".join(f"feedback[{number}]" for number in contradicting[:8]) + (
            ", …" if len(contradicting) > 8 else ""
        )
        sentence = f"{shown} says otherwise than what was said first, which holds; the others are stored"
        return Answer(orjson.dumps({"error": sentence, **stored, "contradicting": contradicting}), status=409)
    return Answer(orjson.dumps(stored))


def _truths(given: list[Feedback], running: Running, now: float, labels: Collection[str]) -> list[Truth]:
    truths = list[Truth]()
    for number, each in enumerate(given):
        try:
            truths.append(running.read_truth(each.prediction_id, each.label, each.value, now, labels))
        except UnknownExperiment as problem:
            raise UnknownExperiment(f"feedback[{number}]: {problem}") from None
        except ExperimentError as problem:
            refused = refused_experiment(problem)
            raise Refused(refused.status, f"feedback[{number}]: {refused.sentence}") from None
    return truths


def parse_feedback(body: bytes) -> list[Feedback]:
    """Read a body: an object with 'feedback', or the list by itself (Refused 400, 413)."""
    check_strings(body, f"{MOST} pieces of feedback")
    try:
        if body.lstrip()[:1] == b"[":
            given = _LIST.validate_json(body)
        else:
            given = FeedbackRequest.model_validate_json(body).feedback
    except ValidationError as error:
        raise _refusal(error.errors(include_url=False)[0]) from None
    json.loads(body, object_pairs_hook=once, parse_int=float)  # of a key that is there twice pydantic takes one
    return given


def _refusal(detail: Any) -> Refused:
    kind = detail["type"]
    place = [part for part in detail["loc"] if part != "feedback"]
    where = "feedback" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    expected = 'expected {"feedback": [{"prediction_id": "…", "label": "…"}]}'
    if kind == "json_invalid":
        return Refused(400, f"the body is not JSON: {detail['ctx']['error']}; {expected} in UTF-8")
    if kind == "too_long":
        return Refused(
            413, f"{detail['ctx']['actual_length'] or 'too many'} pieces of feedback; expected at most {MOST}"
        )
    if kind == "too_short":
        return Refused(400, f"'feedback' is empty; expected 1 to {MOST} of them")
    if kind == "extra_forbidden":
        if len(detail["loc"]) == 1 and isinstance(detail["loc"][0], str):
            return Refused(400, f"unknown key '{detail['loc'][0][:64]}' beside 'feedback'; {expected}")
        return Refused(400, f"unknown key '{where[:64]}'; expected 'prediction_id', 'label' and, optionally, 'value'")
    message = f"{detail['msg'][0].lower()}{detail['msg'][1:]}"
    return Refused(400, f"{where[:64]}: {message}; {expected}")
