"""`GET /docs.json`: every route, limit and status of this service, as OpenAPI 3.1."""

from typing import Any

import orjson
from pydantic.json_schema import models_json_schema

from service.routes.exchange import Answer, Request, Service
from service.routes.inference import OUTPUTS, InferRequest
from service.routes.instances import Instances
from service.routes.messages import MAX_SCORES, MAX_TEXTS, PredictRequest, PredictResponse

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
HEADERS = [
    ("X-Request-Id", "Echoed in the answer; made where there is none", {"type": "string", "maxLength": 128}),
    ("X-Request-Timeout-Ms", "Give up after so many milliseconds", {"type": "integer", "minimum": 1}),
    ("X-Server-Timing", "1: say in `Server-Timing` what the answer took", {"type": "string", "enum": ["1"]}),
]
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
    return Answer(orjson.dumps(describe([variant.card.name for variant in service.registry.variants])))


def describe(variants: list[str]) -> dict[str, Any]:
    """Return the OpenAPI document of a service with these variants."""
    _, schemas = models_json_schema(
        [(model, "validation") for model in (PredictRequest, PredictResponse, InferRequest, Instances)],
        ref_template=REFERENCE,
    )
    components = schemas["$defs"]
    components["Error"] = {
        "type": "object",
        "required": ["error"],
        "properties": {"error": {"type": "string", "description": "What is wrong, what was given, what is accepted"}},
    }
    paths: dict[str, Any] = {
        f"/{name}/predict": {
            "post": _operation(
                f"Classify texts with '{name}'", "PredictRequest", _ref("PredictResponse"), refused=tuple(REFUSALS)
            )
        }
        for name in variants
    }
    model = {"name": "variant", "in": "path", "required": True, "schema": {"type": "string", "enum": variants}}
    version = {"name": "version", "in": "path", "required": True, "schema": {"type": "string"}}
    paths |= {
        "/variants": _get("The cards of all variants", {"type": "object", "required": ["variants"]}),
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
            "post": _operation(
                "KServe v1: classify texts",
                "Instances",
                {"type": "object", "properties": {"predictions": {"type": "array", "items": LABEL}}},
                refused=tuple(REFUSALS),
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
            "post": _operation(
                "Open Inference Protocol: classify texts", "InferRequest", INFER_ANSWER, refused=tuple(REFUSALS)
            ),
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Bonsai", "version": "1", "description": "Text classifiers, one endpoint a variant"},
        "servers": [{"url": "."}],
        "paths": paths,
        "components": {"schemas": components},
    }


def _get(
    summary: str,
    schema: dict[str, Any] | None,
    parameters: list[dict[str, Any]] | None = None,
    missing: str | None = None,
) -> dict[str, Any]:
    content = {"text/plain": {"schema": {"type": "string"}}} if schema is None else _json(schema)
    responses = {"200": {"description": "OK", "content": content}}
    if missing or parameters:
        responses["404"] = {"description": missing or REFUSALS["404"], "content": _json(_ref("Error"))}
    return {"parameters": parameters or [], "get": {"summary": summary, "responses": responses}}


def _operation(summary: str, body: str, answer: dict[str, Any], refused: tuple[str, ...]) -> dict[str, Any]:
    responses = {"200": {"description": "OK", "content": _json(answer)}}
    responses |= {status: {"description": REFUSALS[status], "content": _json(_ref("Error"))} for status in refused}
    return {
        "summary": summary,
        "parameters": [
            {"name": name, "in": "header", "description": text, "schema": schema} for name, text, schema in HEADERS
        ],
        "requestBody": {"required": True, "content": _json(_ref(body))},
        "responses": responses,
    }


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _ref(model: str) -> dict[str, Any]:
    return {"$ref": REFERENCE.format(model=model)}
