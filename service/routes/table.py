"""Every route: what stands in its path, its methods, and the functions that answer them."""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from service.experiments.changes import COMMANDS
from service.routes.assigned import predict_assigned
from service.routes.builds import build_variant, cancel_build, list_builds, show_build, unload_variant
from service.routes.exchange import Handler
from service.routes.experiments import (
    change_experiment,
    command_experiment,
    create_experiment,
    forget_unit,
    list_experiments,
    show_experiment,
)
from service.routes.feedback import feedback
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
# What takes a body, and asks for an admin key before it is read.
CHANGING = frozenset((build_variant, create_experiment, change_experiment, command_experiment))
# What a key is asked for, where the service has keys: every way that a text or the truth about one comes in.
PREDICTING = frozenset((predict, predict_assigned, infer, predict_instances, feedback))


class Route(NamedTuple):
    """A route that this path leads to: the handlers by method, what they are given of the path, and the media types of
    a body; `variant` says that the path names one first.
    """

    handlers: Mapping[str, Handler]
    arguments: tuple[str, ...] = ()
    media_types: tuple[str, ...] = JSON
    variant: bool = False

    @property
    def allowed(self) -> str:
        """The methods, as the header `Allow` lists them."""
        return ", ".join("GET, HEAD" if method == "GET" else method for method in self.handlers)


def get(handler: Handler, *arguments: str) -> Route:
    """Return a route that is read."""
    return Route({"GET": handler}, arguments)


def post(handler: Handler, *arguments: str, variant: bool = False, media_types: tuple[str, ...] = JSON) -> Route:
    """Return a route that takes a body."""
    return Route({"POST": handler}, arguments, media_types, variant)


FIXED = {
    "/": get(index),
    "/docs": get(docs),
    "/docs.json": get(openapi),
    "/variants": Route({"GET": variants, "POST": build_variant}),
    "/builds": get(list_builds),
    "/load_test.json": get(load_test),
    "/predict": post(predict_assigned),
    "/feedback": post(feedback),
    "/experiments": Route({"GET": list_experiments, "POST": create_experiment}),
    "/v2": get(server_metadata),
    "/v2/health/live": get(server_live),
    "/v2/health/ready": get(server_ready),
    "/v1/models": get(models),
}


@lru_cache(maxsize=256)
def find(path: str) -> Route | None:
    """Return the route that a path leads to; what no variant is called is found out by its handler."""
    if path in FIXED:
        return FIXED[path]
    match path.split("/")[1:]:
        case ["assets", name]:
            return get(asset, name)
        case ["variants", name]:
            return Route({"DELETE": unload_variant}, (name,))
        case ["builds", id]:
            return Route({"GET": show_build, "DELETE": cancel_build}, (id,))
        case ["experiments", name]:
            return Route({"GET": show_experiment, "POST": change_experiment}, (name,))
        case ["experiments", name, command] if command in COMMANDS:
            return post(command_experiment, name, command)
        case ["experiments", name, "units", *unit] if unit:  # whose name may hold a slash
            return Route({"DELETE": forget_unit}, (name, "/".join(unit)))
        case [variant, "predict"]:
            return post(predict, variant, variant=True)
        case ["v2", "models", variant, "infer"]:
            return post(infer, variant, variant=True, media_types=TENSORS)
        case ["v2", "models", variant, "versions", version, "infer"]:
            return post(infer, variant, version, variant=True, media_types=TENSORS)
        case ["v2", "models", variant, "ready"]:
            return get(model_ready, variant)
        case ["v2", "models", variant, "versions", version, "ready"]:
            return get(model_ready, variant, version)
        case ["v2", "models", variant]:
            return get(model_metadata, variant)
        case ["v2", "models", variant, "versions", version]:
            return get(model_metadata, variant, version)
        case ["v1", "models", named] if named.endswith(":predict"):
            return post(predict_instances, named.removesuffix(":predict"), variant=True)
        case ["v1", "models", variant]:
            return get(model, variant)
    return None
