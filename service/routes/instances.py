"""KServe's v1 protocol over the same variants: `POST /v1/models/{variant}:predict` with `instances`.

Source: kserve.github.io/website, "V1 Inference Protocol".
"""

from collections.abc import Sequence
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.runtime.classifier import Prediction
from service.routes.allowed import spend
from service.routes.exchange import Answer, Request, Service
from service.routes.json_body import check_strings, shown
from service.routes.messages import MAX_TEXTS, Text
from service.routes.refused import Refused

EXPECTED = f'expected {{"instances": ["…", …]}} with 1 to {MAX_TEXTS} texts, or objects with "text"'


class Instance(BaseModel):
    """A text as an object, as KServe's tabular clients send it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: Text


class Instances(BaseModel):
    """The texts to classify."""

    model_config = ConfigDict(strict=True)

    instances: Annotated[list[Text | Instance], Field(min_length=1, max_length=MAX_TEXTS)]


async def predict_instances(request: Request, service: Service, variant: str) -> Answer:
    """Answer a v1 request by one variant (Refused, VariantError)."""
    loaded = service.registry.find(variant)
    request.card = loaded.card
    texts = read_instances(request.body)
    spend(request, len(texts))
    body = await service.run(loaded, texts, 1, request.deadline, write_predictions, request.times, request.gone)
    request.texts = len(texts)
    return Answer(body)


async def models(request: Request, service: Service) -> Answer:
    """List the variants."""
    return Answer(orjson.dumps({"models": [variant.card.name for variant in service.registry.variants]}))


async def model(request: Request, service: Service, variant: str) -> Answer:
    """Say that a variant is loaded (UnknownVariant)."""
    return Answer(orjson.dumps({"name": service.registry.find(variant).card.name, "ready": True}))


def read_instances(body: bytes) -> list[str]:
    """Read the body of a v1 request (Refused)."""
    check_strings(body, f"{MAX_TEXTS} texts")
    try:
        given = Instances.model_validate_json(body).instances
    except ValidationError as error:
        raise _refusal(error.errors(include_url=False)) from None
    texts = [each.text if isinstance(each, Instance) else each for each in given]
    for number, text in enumerate(texts):
        if not text.strip():
            raise Refused(400, f"instances[{number}] is blank; {EXPECTED}")
    return texts


def _refusal(details: Sequence[Any]) -> Refused:
    detail = details[0]
    place = detail["loc"][:2]
    if len(place) < 2:
        status = 413 if detail["type"] == "too_long" else 400
        return Refused(status, f"{'.'.join(place) or 'the body'}: {detail['msg'][:200]}; {EXPECTED}")
    where = f"instances[{place[1]}]"
    if not isinstance(detail["input"], dict):  # it is no text, whatever else it might have been
        wrong = "is an empty string" if detail["input"] == "" else f"is {shown(detail['input'])}"
        return Refused(400, f"{where} {wrong}; {EXPECTED}")
    inside = next(one for one in details if one["loc"][:2] == place and len(one["loc"]) > len(detail["loc"]))
    if inside["type"] == "extra_forbidden":
        return Refused(400, f"unknown key '{inside['loc'][-1][:64]}' in {where}; {EXPECTED}")
    given = "is missing" if inside["type"] == "missing" else f"is {shown(inside['input'])}"
    return Refused(400, f"'text' of {where} {given}; {EXPECTED}")


def write_predictions(predictions: Sequence[Prediction]) -> bytes:
    """Return the body of a v1 answer."""
    rows = [{"label": prediction.label, "score": prediction.top[0][1]} for prediction in predictions]
    return orjson.dumps({"predictions": rows})
