"""Every route: what stands in its path, its methods, and the function that answers it."""

from functools import lru_cache
from typing import NamedTuple

from service.routes.exchange import Handler
from service.routes.inference import (
    infer,
    model_metadata,
    model_ready,
    server_live,
    server_metadata,
    server_ready,
)
from service.routes.instances import model, models, predict_instances
from service.routes.load_test import load_test
from service.routes.openapi import openapi
from service.routes.pages import asset, docs, index
from service.routes.predict import predict
from service.routes.variants import variants

JSON = ("application/json", "")
TENSORS = (*JSON, "application/octet-stream")


class Route(NamedTuple):
    """A route that this path leads to: the handler, what it is given of the path, the one method that it has beside
    HEAD, and the media types of its body.
    """

    handler: Handler
    arguments: tuple[str, ...] = ()
    method: str = "GET"
    media_types: tuple[str, ...] = JSON


FIXED = {
    "/": Route(index),
    "/docs": Route(docs),
    "/docs.json": Route(openapi),
    "/variants": Route(variants),
    "/load_test.json": Route(load_test),
    "/v2": Route(server_metadata),
    "/v2/health/live": Route(server_live),
    "/v2/health/ready": Route(server_ready),
    "/v1/models": Route(models),
}


@lru_cache(maxsize=256)
def find(path: str) -> Route | None:
    """Return the route that a path leads to; what no variant is called is found out by its handler."""
    if path in FIXED:
        return FIXED[path]
    match path.split("/")[1:]:
        case ["assets", name]:
            return Route(asset, (name,))
        case [variant, "predict"]:
            return Route(predict, (variant,), "POST")
        case ["v2", "models", variant, "infer"]:
            return Route(infer, (variant,), "POST", TENSORS)
        case ["v2", "models", variant, "versions", version, "infer"]:
            return Route(infer, (variant, version), "POST", TENSORS)
        case ["v2", "models", variant, "ready"]:
            return Route(model_ready, (variant,))
        case ["v2", "models", variant, "versions", version, "ready"]:
            return Route(model_ready, (variant, version))
        case ["v2", "models", variant]:
            return Route(model_metadata, (variant,))
        case ["v2", "models", variant, "versions", version]:
            return Route(model_metadata, (variant, version))
        case ["v1", "models", named] if named.endswith(":predict"):
            return Route(predict_instances, (named.removesuffix(":predict"),), "POST")
        case ["v1", "models", variant]:
            return Route(model, (variant,))
    return None
