"""`GET /docs.json`: every route, limit and status of this service, as OpenAPI 3.1."""

from typing import Any

import orjson
from pydantic.json_schema import models_json_schema

from service.builds.asked import Asked
from service.builds.jobs import STATES
from service.experiments.changes import COMMANDS, MOST_REASON
from service.experiments.definition import Experiment
from service.routes.exchange import Answer, Request, Service
from service.routes.feedback import MOST, Feedback, FeedbackRequest, FeedbackResponse
from service.routes.inference import HEADER_LENGTH, OUTPUTS, InferRequest
from service.routes.instances import Instances
from service.routes.messages import AssignedRequest, AssignedResponse, PredictRequest, PredictResponse
from service.routes.operations import (
    CHANGES,
    EVERYWHERE,
    REFERENCE,
    REFUSALS,
    admins_only,
    keyed,
    posting,
    readiness,
    reading,
    reference,
    refusal,
)

MODELS = (
    PredictRequest, PredictResponse, AssignedRequest, AssignedResponse, Feedback, FeedbackRequest, FeedbackResponse,
    InferRequest, Instances, Experiment, Asked,
)  # fmt: skip
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
            "post": keyed(
                posting(
                    f"Classify texts with '{name}'",
                    reference("PredictRequest"),
                    reference("PredictResponse"),
                    tuple(REFUSALS),
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
        "/variants": reading(
            "The build that is served, how many of all workers serve it, and the cards of all variants",
            {"type": "object", "required": ["generation", "workers", "all_workers", "variants"]},
        )
        | {
            "post": admins_only(
                posting(
                    "Build a variant and serve it beside the others",
                    reference("Asked"),
                    {"type": "object", "required": ["id", "state"]},
                    (*CHANGES, "429", "501", "507"),
                    status="202",
                )
            )
        },
        "/load_test.json": reading(
            "The last load test",
            {"type": "object", "required": ["run", "tables"]},
            missing="None travels with the variants",
        ),
        "/v2": reading("Open Inference Protocol: the server", {"type": "object", "required": ["name", "extensions"]}),
        "/v2/health/live": reading("Open Inference Protocol: it runs", {"type": "object"}),
        "/v2/health/ready": readiness("Open Inference Protocol: all variants are loaded", {"type": "object"}),
        "/v1/models": reading("KServe v1: the variants", {"type": "object", "required": ["models"]}),
        "/v1/models/{variant}": reading("KServe v1: a variant is loaded", {"type": "object"}, [model]),
        "/v1/models/{variant}:predict": {
            "parameters": [model],
            "post": keyed(
                posting(
                    "KServe v1: classify texts",
                    reference("Instances"),
                    {"type": "object", "properties": {"predictions": {"type": "array", "items": LABEL}}},
                    refused=tuple(REFUSALS),
                )
            ),
        },
        "/livez": reading("The process runs", None),
        "/readyz": readiness("All variants are loaded", None),
        "/metrics": reading("Figures for Prometheus", None),
        "/docs.json": reading("This description", {"type": "object"}),
    }
    for place, given in (("", [model]), ("/versions/{version}", [model, version])):
        path = f"/v2/models/{{variant}}{place}"
        paths[path] = reading("Open Inference Protocol: what a variant takes and gives", {"type": "object"}, given)
        paths[f"{path}/ready"] = reading("Open Inference Protocol: a variant is loaded", {"type": "object"}, given)
        paths[f"{path}/infer"] = {
            "parameters": given,
            "post": keyed(_infer()),
        }
    for operation in (one for path in paths.values() for method, one in path.items() if method != "parameters"):
        operation["responses"] |= {status: refusal(status) for status in EVERYWHERE}
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


def _infer() -> dict[str, Any]:
    """Return the operation whose tensors may follow its JSON as bytes, in what is asked and in the answer."""
    operation = posting(
        "Open Inference Protocol: classify texts", reference("InferRequest"), INFER_ANSWER, tuple(REFUSALS)
    )
    answered = operation["responses"]["200"]
    answered["content"]["application/octet-stream"] = {}
    answered["headers"] = {
        HEADER_LENGTH: {
            "description": "Of how many bytes the JSON is, where tensors follow",
            "schema": {"type": "string"},
        }
    }
    said = f"With `{HEADER_LENGTH}` the body is so many bytes of JSON and a tensor as bytes, application/octet-stream."
    return {**operation, "description": said}


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
    assigned = posting(
        "Classify texts with the variant that the running experiment gives the caller, or with the default one",
        reference("AssignedRequest"),
        reference("AssignedResponse"),
        tuple(REFUSALS),
    )
    override = {"description": "The arm to take, where the experiment has 'override'", "schema": {"type": "string"}}
    assigned["parameters"].append({"name": "X-Bonsai-Variant", "in": "header", **override})
    assigned["responses"]["200"]["headers"] = {
        name: {"description": said, "schema": {"type": "string"}} for name, said in ANSWERED.items()
    }
    assigned = keyed(assigned)
    assigned["responses"]["403"]["description"] += ", or the experiment lets nobody choose an arm"
    return {
        "/predict": {"post": assigned},
        "/feedback": {
            "post": keyed(
                posting(
                    "Say which label was right; answered once it is stored",
                    {
                        "anyOf": [
                            reference("FeedbackRequest"),
                            {"type": "array", "items": reference("Feedback"), "maxItems": MOST},
                        ]
                    },
                    reference("FeedbackResponse"),
                    ("400", "404", "405", "409", "410", "413", "415", "429", "500", "503"),
                )
            )
        },
        "/experiments": {
            "get": admins_only(reading("All experiments", listed)["get"]),
            "post": admins_only(
                posting("Start an experiment", reference("Experiment"), changed, CHANGES, status="201")
            ),
        },
        "/experiments/{name}": {
            "parameters": [name],
            "get": admins_only(reading("What an experiment has shown so far", report, [name])["get"]),
            "post": admins_only(posting("Change weights, shares, guardrails", {"type": "object"}, changed, CHANGES)),
        },
        "/experiments/{name}/{command}": {
            "parameters": [name, command],
            "post": admins_only(
                posting("Pause, resume or end an experiment", reason, changed, CHANGES, needs_body=False)
            ),
        },
        "/experiments/{name}/units/{unit}": {
            "parameters": [name, unit],
            "delete": admins_only(
                reading(
                    "Remove the texts that were kept of a unit", {"type": "object", "required": ["removed"]}, [name]
                )["get"]
            ),
        },
    }


def _builds() -> dict[str, Any]:
    """Return the paths of variants on the fly."""
    name, id = ({"name": one, "in": "path", "required": True, "schema": {"type": "string"}} for one in ("name", "id"))
    wait = {"name": "Prefer", "in": "header", "description": "wait=N: answer once it has changed, or after N seconds"}
    job = {
        "type": "object",
        "required": ["id", "name", "asked", "state", "reason", "step", "share", "lines", "figures", "tried"],
        "properties": {"state": {"enum": list(STATES)}},
    }
    shown = reading("One build; with `Accept: text/event-stream` as events, until it is over", job, [id])["get"]
    shown["responses"]["200"]["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    cancelled = reading("Cancel a build", {"type": "object", "required": ["id", "state"]}, [id])["get"]
    unloaded = reading("Serve a variant no longer", {"type": "object", "required": ["unloaded", "generation"]}, [name])
    conflict = {"409": refusal("409")}
    cancelled["responses"] = {"202": cancelled["responses"]["200"], **conflict}
    unloaded["get"]["responses"] |= conflict
    return {
        "/builds": {"get": admins_only(reading("All builds", {"type": "object", "required": ["builds"]})["get"])},
        "/builds/{id}": {
            "parameters": [id],
            "get": admins_only({**shown, "parameters": [{**wait, "schema": {"type": "string"}}]}),
            "delete": admins_only(cancelled),
        },
        "/variants/{name}": {"parameters": [name], "delete": admins_only(unloaded["get"])},
    }
