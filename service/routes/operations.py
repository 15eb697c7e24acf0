"""What each operation of the OpenAPI document says: its headers, its body, its answer and its refusals."""

from typing import Any

from service.routes.exchange import MOST_TIMEOUT_MS
from service.routes.messages import MAX_SCORES, MAX_TEXTS

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
EVERYWHERE = {  # before a route is looked for
    "408": "The request did not come in time",
    "414": "A path of more than 8 KiB",
    "431": "More than 128 headers, or more than 64 KiB of them",
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
HEADERS = [
    (
        "X-Request-Id",
        "Echoed in the answer; made where there is none, or none of at most 128 printable ASCII characters",
        {"type": "string"},
    ),
    (
        "X-Request-Timeout-Ms",
        "Give up where the texts' turn has not come within so many milliseconds",
        {"type": "integer", "minimum": 1, "maximum": MOST_TIMEOUT_MS},
    ),
    ("X-Server-Timing", "1: say in `Server-Timing` what the answer took", {"type": "string"}),
]


def admins_only(operation: dict[str, Any]) -> dict[str, Any]:
    """Say that an operation asks for an admin key."""
    refused = {status: refusal(status) for status in ("401", "403", "404", "503")}
    return {**operation, "security": [{"admin": []}], "responses": refused | operation["responses"]}


def keyed(operation: dict[str, Any]) -> dict[str, Any]:
    """Say that an operation asks for a key where the service has keys."""
    refused = {status: {"description": said, "content": as_json(reference("Error"))} for status, said in KEY.items()}
    return {**operation, "security": [{}, {"key": []}], "responses": operation["responses"] | refused}


def refusal(status: str) -> dict[str, Any]:
    """Return what an answer of this status says."""
    return {"description": (REFUSALS | EVERYWHERE | ADMIN)[status], "content": as_json(reference("Error"))}


def reading(
    summary: str,
    schema: dict[str, Any] | None,
    parameters: list[dict[str, Any]] | None = None,
    missing: str | None = None,
) -> dict[str, Any]:
    """Return a path that is read: JSON of this schema, or text; `missing` says why it may not be there."""
    content = {"text/plain": {"schema": {"type": "string"}}} if schema is None else as_json(schema)
    responses = {"200": {"description": "OK", "content": content}, "500": refusal("500")}
    if missing or parameters:
        responses["404"] = refusal("404") | ({"description": missing} if missing else {})
    return {"parameters": parameters or [], "get": {"summary": summary, "responses": responses}}


def posting(
    summary: str,
    body: dict[str, Any],
    answer: dict[str, Any],
    refused: tuple[str, ...],
    *,
    status: str = "200",
    needs_body: bool = True,
) -> dict[str, Any]:
    """Return an operation that takes a body."""
    responses = {status: {"description": "OK", "content": as_json(answer)}}
    responses |= {each: refusal(each) for each in refused}
    return {
        "summary": summary,
        "parameters": [
            {"name": name, "in": "header", "description": text, "schema": schema} for name, text, schema in HEADERS
        ],
        "requestBody": {"required": needs_body, "content": as_json(body)},
        "responses": responses,
    }


def as_json(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a body of this schema."""
    return {"application/json": {"schema": schema}}


def reference(model: str) -> dict[str, Any]:
    """Return a schema by its name."""
    return {"$ref": REFERENCE.format(model=model)}


def readiness(summary: str, schema: dict[str, Any] | None) -> dict[str, Any]:
    """Return a path that is read to know whether requests should come."""
    path = reading(summary, schema)
    path["get"]["responses"]["503"] = refusal("503") | {"description": "The service ends"}
    return path
