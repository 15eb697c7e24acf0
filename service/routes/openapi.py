"""`GET /docs.json`: every route, limit and status of this service, as OpenAPI 3.1."""

from typing import Any

import orjson
from pydantic.json_schema import models_json_schema

from service.builds.asked import Asked
from service.builds.jobs import STATES
from service.experiments.changes import COMMANDS, MOST_REASON
from service.experiments.definition import Experiment
from service.routes.exchange import MOST_TIMEOUT_MS, Answer, Request, Service
from service.routes.feedback import MOST, Feedback, FeedbackRequest, FeedbackResponse
from service.routes.inference import OUTPUTS, InferRequest
from service.routes.instances import Instances
from service.routes.messages import (
    MAX_SCORES,
    MAX_TEXTS,
    AssignedRequest,
    AssignedResponse,
    PredictRequest,
    PredictResponse,
)

REFERENCE = "#/components/schemas/{model}"
REFUSALS = {
    "400": "What was asked is not what is accepted",
    "404": "There is no such variant",
    "405": "Another method; `Allow` says the right one",
    "413": f"More than {MAX_TEXTS} texts, {MAX_SCORES:,} scores or 8 MiB, or more than can be done in time",
    "415": "Another content type or a compressed body",
    "429": "Too much is waiting; `Retry-After` says when to try again",
    "500": "The service failed; its log says why",
    "503": "Not done before the deadline",
}
ADMIN = {
    "401": "The admin key is missing or wrong",
    "403": "The service has no admin key",
    "409": "It contradicts what is there already",
    "501": "What a build needs is not installed here",
    "507": "The disk has less room than a build takes",
    "410": "Later than the experiment's window",
}
KEY = {
    "401": "The service asks for an API key, and none or no valid one was given",
    "403": "The key is not for predicting",
}
CHANGES = ("400", "405", "409", "413", "415", "500")
MODELS = (
    PredictRequest, PredictResponse, AssignedRequest, AssignedResponse, Feedback, FeedbackRequest, FeedbackResponse,
    InferRequest, Instances, Experiment, Asked,
)  # fmt: skip
HEADERS = [
    (
        "X-Request-Id",
        "Echoed in the answer; made where there is none, or none of at most 128 printable ASCII characters",
        {"type": "string"},
    ),
    (
        "X-Request-Timeout-Ms",
        "Give up after so many milliseconds",
        {"type": "integer", "minimum": 1, "maximum": MOST_TIMEOUT_MS},
    ),
    ("X-Server-Timing", "1: say in `Server-Timing` what the answer took", {"type": "string"}),
]
ANSWERED = {
    "X-Bonsai-Variant": "The variant that answered",
    "X-Bonsai-Experiment": "The experiment that the answer is counted in, if any",
    "X-Bonsai-Arm": "Its arm, if any",
}
LABEL = {
    "type": "object",
    "required": ["label", "score"],
    "properties": {"label": {"type": "string"}, "score": {"type": "number"}},
}
INFER_ANSWER = {
    "type": "object",
    "required": ["model_name", "model_version", "outputs"],
    "properties": {
        "model_name": {"type": "string"},
        "model_version": {"type": "string"},
        "id": {"type": "string"},
        "outputs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "datatype", "shape"],
                "properties": {
                    "name": {"enum": list(OUTPUTS)},
                    "datatype": {"enum": sorted(set(OUTPUTS.values()))},
                    "shape": {"type": "array", "items": {"type": "integer"}},
                    "data": {"type": "array"},
                    "parameters": {"type": "object"},
                },
            },
        },
    },
}


async def openapi(request: Request, service: Service) -> Answer:
    """Return the description for the variants that are served now."""
    served = service.registry.variants
    experiments = service.experiments
    labels = len(served[0].predictor.labels) if served else None
    names = [variant.card.name for variant in served]
    return Answer(orjson.dumps(describe(names, labels, experiments.running.field, others=experiments.is_kept)))


def describe(
    variants: list[str], labels: int | None = None, field: str | None = None, *, others: bool = False
) -> dict[str, Any]:
    """Return the OpenAPI document of a service with these variants, of so many labels, and an experiment that finds its
    unit in this field of the body; `others` says that strings may stand in other fields.
    """
    _, schemas = models_json_schema(
        [(model, "validation") for model in MODELS],
        ref_template=REFERENCE,
    )
    components = schemas["$defs"]
    asked, assigned = components["PredictRequest"]["properties"], components["AssignedRequest"]["properties"]
    if labels is not None:
        asked["top_k"]["maximum"] = assigned["top_k"]["maximum"] = labels
    components["AssignedRequest"]["additionalProperties"] = {"type": "string"} if others else False
    if field is not None:
        assigned[field] = {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "Names the unit"}
    components["Error"] = {
        "type": "object",
        "required": ["error"],
        "properties": {"error": {"type": "string", "description": "What is wrong, what was given, what is accepted"}},
    }
    paths: dict[str, Any] = {
        f"/{name}/predict": {
            "post": _keyed(
                _operation(
                    f"Classify texts with '{name}'", _ref("PredictRequest"), _ref("PredictResponse"), tuple(REFUSALS)
                )
            )
        }
        for name in variants
    }
    model = {"name": "variant", "in": "path", "required": True, "schema": {"type": "string", "enum": variants}}
    version = {"name": "version", "in": "path", "required": True, "schema": {"type": "string"}}
    paths |= _experiments()
    paths |= _builds()
    paths |= {
        "/variants": _get(
            "The build that is served, how many of all workers serve it, and the cards of all variants",
            {"type": "object", "required": ["generation", "workers", "all_workers", "variants"]},
        )
        | {
            "post": _admin(
                _operation(
                    "Build a variant and serve it beside the others",
                    _ref("Asked"),
                    {"type": "object", "required": ["id", "state"]},
                    (*CHANGES, "429", "501", "507"),
                    status="202",
                )
            )
        },
        "/load_test.json": _get(
            "The last load test",
            {"type": "object", "required": ["run", "tables"]},
            missing="None travels with the variants",
        ),
        "/v2": _get("Open Inference Protocol: the server", {"type": "object", "required": ["name", "extensions"]}),
        "/v2/health/live": _get("Open Inference Protocol: it runs", {"type": "object"}),
        "/v2/health/ready": _get("Open Inference Protocol: all variants are loaded", {"type": "object"}),
        "/v1/models": _get("KServe v1: the variants", {"type": "object", "required": ["models"]}),
        "/v1/models/{variant}": _get("KServe v1: a variant is loaded", {"type": "object"}, [model]),
        "/v1/models/{variant}:predict": {
            "parameters": [model],
            "post": _keyed(
                _operation(
                    "KServe v1: classify texts",
                    _ref("Instances"),
                    {"type": "object", "properties": {"predictions": {"type": "array", "items": LABEL}}},
                    refused=tuple(REFUSALS),
                )
            ),
        },
        "/livez": _get("The process runs", None),
        "/readyz": _get("All variants are loaded", None),
        "/metrics": _get("Figures for Prometheus", None),
        "/docs.json": _get("This description", {"type": "object"}),
    }
    for place, given in (("", [model]), ("/versions/{version}", [model, version])):
        path = f"/v2/models/{{variant}}{place}"
        paths[path] = _get("Open Inference Protocol: what a variant takes and gives", {"type": "object"}, given)
        paths[f"{path}/ready"] = _get("Open Inference Protocol: a variant is loaded", {"type": "object"}, given)
        paths[f"{path}/infer"] = {
            "parameters": given,
            "post": _keyed(
                _operation(
                    "Open Inference Protocol: classify texts", _ref("InferRequest"), INFER_ANSWER, tuple(REFUSALS)
                )
            ),
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Bonsai", "version": "1", "description": "Text classifiers, one endpoint a variant"},
        "servers": [{"url": "."}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "admin": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "BONSAI_ADMIN_KEY, or a key of the role admin",
                },
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key that may predict, where it is asked for",
                },
            },
        },
    }


def _experiments() -> dict[str, Any]:
    """Return the paths of A/B comparison."""
    name = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
    unit = {"name": "unit", "in": "path", "required": True, "schema": {"type": "string"}}
    command = {"name": "command", "in": "path", "required": True, "schema": {"enum": list(COMMANDS)}}
    listed = {"type": "object", "required": ["experiments"]}
    changed = {"type": "object", "required": ["name", "revision", "state", "definition"]}
    report = {"type": "object", "required": ["name", "revision", "state", "definition", "arms", "guardrails", "log"]}
    said = {"reason": {"type": "string", "maxLength": MOST_REASON}}
    reason = {"type": "object", "properties": said, "additionalProperties": False}
    assigned = _operation(
        "Classify texts with the variant that the running experiment gives the caller, or with the default one",
        _ref("AssignedRequest"),
        _ref("AssignedResponse"),
        tuple(REFUSALS),
    )
    override = {"description": "The arm to take, where the experiment has 'override'", "schema": {"type": "string"}}
    assigned["parameters"].append({"name": "X-Bonsai-Variant", "in": "header", **override})
    assigned["responses"]["200"]["headers"] = {
        name: {"description": said, "schema": {"type": "string"}} for name, said in ANSWERED.items()
    }
    assigned = _keyed(assigned)
    assigned["responses"]["403"]["description"] += ", or the experiment lets nobody choose an arm"
    return {
        "/predict": {"post": assigned},
        "/feedback": {
            "post": _keyed(_operation(
                "Say which label was right; answered once it is stored",
                {"anyOf": [_ref("FeedbackRequest"), {"type": "array", "items": _ref("Feedback"), "maxItems": MOST}]},
                _ref("FeedbackResponse"), ("400", "404", "405", "409", "410", "413", "415", "429", "500", "503"),
            ))
        },
        "/experiments": {
            "get": _admin(_get("All experiments", listed)["get"]),
            "post": _admin(_operation("Start an experiment", _ref("Experiment"), changed, CHANGES, status="201")),
        },
        "/experiments/{name}": {
            "parameters": [name],
            "get": _admin(_get("What an experiment has shown so far", report, [name])["get"]),
            "post": _admin(_operation("Change weights, shares, guardrails", {"type": "object"}, changed, CHANGES)),
        },
        "/experiments/{name}/{command}": {
            "parameters": [name, command],
            "post": _admin(
                _operation("Pause, resume or end an experiment", reason, changed, CHANGES, needs_body=False)
            ),
        },
        "/experiments/{name}/units/{unit}": {
            "parameters": [name, unit],
            "delete": _admin(
                _get("Remove the texts that were kept of a unit", {"type": "object", "required": ["removed"]}, [name])[
                    "get"
                ]
            ),
        },
    }  # fmt: skip


def _builds() -> dict[str, Any]:
    """Return the paths of variants on the fly."""
    name, id = ({"name": one, "in": "path", "required": True, "schema": {"type": "string"}} for one in ("name", "id"))
    wait = {"name": "Prefer", "in": "header", "description": "wait=N: answer once it has changed, or after N seconds"}
    job = {
        "type": "object",
        "required": ["id", "name", "asked", "state", "reason", "step", "share", "lines", "figures", "tried"],
        "properties": {"state": {"enum": list(STATES)}},
    }
    shown = _get("One build; with `Accept: text/event-stream` as events, until it is over", job, [id])["get"]
    shown["responses"]["200"]["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    cancelled = _get("Cancel a build", {"type": "object", "required": ["id", "state"]}, [id])["get"]
    unloaded = _get("Serve a variant no longer", {"type": "object", "required": ["unloaded", "generation"]}, [name])
    conflict = {"409": _refused("409")}
    cancelled["responses"] = {"202": cancelled["responses"]["200"], **conflict}
    unloaded["get"]["responses"] |= conflict
    return {
        "/builds": {"get": _admin(_get("All builds", {"type": "object", "required": ["builds"]})["get"])},
        "/builds/{id}": {
            "parameters": [id],
            "get": _admin({**shown, "parameters": [{**wait, "schema": {"type": "string"}}]}),
            "delete": _admin(cancelled),
        },
        "/variants/{name}": {"parameters": [name], "delete": _admin(unloaded["get"])},
    }


def _admin(operation: dict[str, Any]) -> dict[str, Any]:
    refused = {status: _refused(status) for status in ("401", "403", "404", "503")}
    return {**operation, "security": [{"admin": []}], "responses": refused | operation["responses"]}


def _keyed(operation: dict[str, Any]) -> dict[str, Any]:
    """Say that an operation asks for a key where the service has keys."""
    refused = {status: {"description": said, "content": _json(_ref("Error"))} for status, said in KEY.items()}
    return {**operation, "security": [{}, {"key": []}], "responses": operation["responses"] | refused}


def _refused(status: str) -> dict[str, Any]:
    return {"description": REFUSALS.get(status) or ADMIN[status], "content": _json(_ref("Error"))}


def _get(
    summary: str,
    schema: dict[str, Any] | None,
    parameters: list[dict[str, Any]] | None = None,
    missing: str | None = None,
) -> dict[str, Any]:
    content = {"text/plain": {"schema": {"type": "string"}}} if schema is None else _json(schema)
    responses = {"200": {"description": "OK", "content": content}, "500": _refused("500")}
    if missing or parameters:
        responses["404"] = _refused("404") | ({"description": missing} if missing else {})
    return {"parameters": parameters or [], "get": {"summary": summary, "responses": responses}}


def _operation(
    summary: str,
    body: dict[str, Any],
    answer: dict[str, Any],
    refused: tuple[str, ...],
    *,
    status: str = "200",
    needs_body: bool = True,
) -> dict[str, Any]:
    responses = {status: {"description": "OK", "content": _json(answer)}}
    responses |= {each: _refused(each) for each in refused}
    return {
        "summary": summary,
        "parameters": [
            {"name": name, "in": "header", "description": text, "schema": schema} for name, text, schema in HEADERS
        ],
        "requestBody": {"required": needs_body, "content": _json(body)},
        "responses": responses,
    }


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _ref(model: str) -> dict[str, Any]:
    return {"$ref": REFERENCE.format(model=model)}
