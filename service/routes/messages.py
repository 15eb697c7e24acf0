"""What a prediction request and its answer look like, and one sentence for every request that is refused."""

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from models.runtime.card import Card
from models.runtime.classifier import Prediction
from service.routes.json_body import check_strings, shown, whole
from service.routes.refused import Refused

MAX_TEXTS = 4096
MAX_SCORES = 32_768  # texts times labels asked for: more would be seconds of making the answer


# What `str.strip` leaves something of, in the words of ECMA 262 as of Python: both read JSON Schema.
NOT_BLANK = r"[^\s\u001c-\u001f\u0085]"
Text = Annotated[str, Field(min_length=1, json_schema_extra={"pattern": NOT_BLANK})]


class PredictRequest(BaseModel):
    """The texts to classify, and how many of the best labels to return for each."""

    model_config = ConfigDict(extra="forbid", strict=True)

    texts: Annotated[list[Text], Field(min_length=1, max_length=MAX_TEXTS)]
    top_k: Annotated[int, Field(ge=1), BeforeValidator(whole)] = 1


class AssignedRequest(PredictRequest):
    """A prediction request that may name its unit in a field that the experiment chose."""

    model_config = ConfigDict(extra="allow", strict=True)


class LabelScore(BaseModel):
    """A label and its probability."""

    label: str
    score: float


class TextPrediction(BaseModel):
    """The best label of one text; `top` is there when more than one was asked for."""

    label: str
    score: float
    truncated: bool
    top: list[LabelScore] | None = None


class PredictResponse(BaseModel):
    """The predictions, in the order of the texts."""

    variant: str
    version: str
    request_id: str
    predictions: list[TextPrediction]


class AssignedPrediction(TextPrediction):
    """A prediction with the id by which feedback names it, where an experiment runs."""

    prediction_id: str | None = None


class AssignedResponse(PredictResponse):
    """The predictions, and the experiment and arm that the caller is in."""

    predictions: list[AssignedPrediction]  # type: ignore[assignment]
    experiment: str | None = None
    arm: str | None = None


class Asked(NamedTuple):
    """What a prediction request says; `unit` is what it names in the field that an experiment chose."""

    texts: list[str]
    top_k: int
    unit: str | None = None


def parse_request(body: bytes) -> Asked:
    """Read a request body; refuse it in one sentence (400, or 413 for too many texts)."""
    check_strings(body, f"{MAX_TEXTS} texts")
    return _right(body, None) or _read(_validated(body, PredictRequest))


def parse_assigned(body: bytes, field: str | None, *, others: bool = False) -> Asked:
    """Read the body of POST /predict, and the unit that its `field` names (Refused); with `others` strings may stand in
    other fields, such as the unit of an experiment that has ended, or that this worker is still to hear of.
    """
    check_strings(body, f"{MAX_TEXTS} texts")
    if (right := _right(body, field)) is not None:
        return right
    if field is None and not others:
        return _read(_validated(body, PredictRequest))
    request = _validated(body, AssignedRequest)
    given = request.model_extra or {}
    unknown = [key for key in given if key != field and not (others and isinstance(given[key], str))]
    if unknown:
        more = f" and '{field}'" if field is not None else ""
        raise Refused(400, f"unknown key '{unknown[0][:64]}'; expected 'texts' and, optionally, 'top_k'{more}")
    unit = given.get(field) if field is not None else None
    if unit is not None and not isinstance(unit, str):
        raise Refused(400, f"'{field}' is a JSON {_json_type(unit)}; expected a string, which names the unit")
    return _read(request, unit)


def _right(body: bytes, field: str | None) -> Asked | None:
    """Return what a request says in which nothing is wrong or unusual, as nearly all are; to ask the models above takes
    twice as long, and they know why in all other cases.
    """
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if type(given) is not dict:
        return None
    texts, top_k, unit = given.get("texts"), given.get("top_k", 1), given.get(field)
    if type(texts) is not list or not 0 < len(texts) <= MAX_TEXTS or type(top_k) is not int or top_k < 1:
        return None
    if (unit is not None and type(unit) is not str) or len(given) != 1 + ("top_k" in given) + (unit is not None):
        return None
    for text in texts:
        if type(text) is not str or not text.strip():
            return None
    return Asked(texts, top_k, unit)


def _read(request: PredictRequest, unit: str | None = None) -> Asked:
    return Asked(request.texts, request.top_k, unit)


def _validated(body: bytes, model: type[PredictRequest]) -> PredictRequest:
    try:
        request = model.model_validate_json(body)
    except ValidationError as error:
        raise _refusal(error.errors(include_url=False)[0]) from None
    for number, text in enumerate(request.texts):
        if not text.strip():
            raise Refused(400, f"texts[{number}] is blank; expected text to classify")
    return request


def answer(card: Card, request_id: str, predictions: Sequence[Prediction], top_k: int) -> dict[str, Any]:
    """Return the body of an answer as JSON values; `PredictResponse` describes it."""
    rows: list[dict[str, Any]] = []
    for prediction in predictions:
        label, score = prediction.top[0]
        row: dict[str, Any] = {"label": label, "score": score, "truncated": prediction.truncated}
        if top_k > 1:
            row["top"] = [{"label": label, "score": score} for label, score in prediction.top[:top_k]]
        rows.append(row)
    return {"variant": card.name, "version": card.version, "request_id": request_id, "predictions": rows}


def check_scores(texts: int, top_k: int) -> None:
    """Refuse an answer of too many scores (Refused 413)."""
    if texts * top_k > MAX_SCORES:
        raise Refused(
            413,
            f"{texts} texts with {top_k} labels each are {texts * top_k:,} scores; expected at most {MAX_SCORES:,} in "
            "one answer: send the texts in several requests, or ask for fewer labels",
        )


def _refusal(detail: Any) -> Refused:
    kind, given = detail["type"], detail["input"]
    where = "".join(f"[{part}]" if isinstance(part, int) else str(part) for part in detail["loc"])
    if kind == "json_invalid":
        return Refused(
            400, f'the body is not JSON: {detail["ctx"]["error"]}; expected {{"texts": ["…"], "top_k": 1}} in UTF-8'
        )
    if not detail["loc"]:
        return Refused(
            400, f"the body is a JSON {_json_type(given)}; expected an object with 'texts' and, optionally, 'top_k'"
        )
    if kind == "missing":
        return Refused(400, f"'{where}' is missing; expected a list of 1 to {MAX_TEXTS} strings")
    if kind == "extra_forbidden":
        return Refused(400, f"unknown key '{where[:64]}'; expected 'texts' and, optionally, 'top_k'")
    if kind == "too_long":
        return Refused(
            413,
            f"{detail['ctx']['actual_length'] or 'too many'} texts in one request; expected at most {MAX_TEXTS}: send "
            "them in several requests",
        )
    if kind == "too_short":
        return Refused(400, f"'texts' is an empty list; expected 1 to {MAX_TEXTS} strings")
    if kind == "string_too_short":
        return Refused(400, f"{where} is an empty string; expected text to classify")
    if where == "top_k":
        return Refused(400, f"'top_k' is {shown(given)}; expected a whole number from 1 on")
    expected = f"a list of 1 to {MAX_TEXTS} strings" if where == "texts" else "a string"
    return Refused(400, f"{where} is a JSON {_json_type(given)}; expected {expected}")


def _json_type(value: object) -> str:
    names = {
        dict: "object",
        list: "array",
        str: "string",
        bool: "boolean",
        int: "number",
        float: "number",
        type(None): "null",
    }
    return names[type(value)]
