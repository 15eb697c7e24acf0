"""The BentoML service with our layer outermost: before BentoML's metrics, tracing, time limit and labels by path."""

import logging
import os
import socket
from typing import Any

import bentoml
import click
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.context import server_context
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from service.builds.builds import Builds
from service.experiments.experiments import Experiments
from service.keys.watched import WatchedKeys
from service.routes.openapi import describe
from service.serving import ending, protocol, settings
from service.serving.direct import Direct
from service.serving.front import Front
from service.serving.queue import RowQueue
from service.serving.refusals import Refusals
from service.serving.shared_folder import shared_folder
from service.serving.spread import Spread
from service.variants.generations import Generations
from service.variants.registry import Registry


class Description(dict[str, Any]):
    """An OpenAPI document, as BentoML asks for one."""

    def asdict(self) -> dict[str, Any]:
        """Return the document."""
        return dict(self)


class OutermostService(bentoml.Service[Any]):
    """A BentoML service that answers our routes before BentoML does."""

    registry = Registry({})
    experiments = Experiments()
    builds = Builds()
    generations = Generations()
    keys: WatchedKeys | None = None

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        """Return the ASGI app of a worker, with BentoML's settings of CORS and tracing around our routes."""
        app: ASGIApp = super().to_asgi(is_main=is_main)
        # uvicorn makes a line of every request wherever somebody may listen; ours is the one that is asked for.
        silent = logging.getLogger("uvicorn.access")
        silent.handlers, silent.propagate = [], False
        cors = BentoMLContainer.http.cors.enabled.get()
        tracing = BentoMLContainer.config.tracing.exporter_type.get()
        refusals, prefix = Refusals(), self.path_prefix or ""
        front = Front(
            app,
            self.registry,
            self.experiments,
            RowQueue(settings.most_wait_ms(), protocol.is_alone),
            Spread(
                shared_folder(),
                (server_context.worker_index or 1) - 1,
                settings.workers(),
                protocol.Protocol.pipelining,
            ),
            deadline_s=settings.deadline_s(),
            access_log=settings.access_log(),
            path_prefix=prefix,
            load_tests=settings.load_tests(),
            generations=self.generations,
            refusals=None if cors else refusals,  # they would lack the headers that a browser asks for
            around=traced if tracing else None,
            builds=self.builds,
            keys=self.keys,
            is_draining=protocol.is_draining,
            in_flight=protocol.in_flight,
        )
        if (listens := listener()) is not None:
            ending.use(settings.drain_s())
        protocol.use(listens, refusals, None if cors or tracing else Direct(front, prefix))
        if cors:
            options: Any = BentoMLContainer.access_control_options.get()
            return CORSMiddleware(front, **options)
        return front

    @property
    def openapi_spec(self) -> Any:
        """The OpenAPI document of every route."""
        return Description(describe(list(self.apis)))


def listener() -> socket.socket | None:
    """Return the socket that this worker was told to listen on, if this is a worker."""
    command = click.get_current_context(silent=True)
    if command is None or "fd" not in command.params:
        return None
    duplicate = socket.socket(fileno=os.dup(command.params["fd"]))
    duplicate.setblocking(False)
    return duplicate


def traced(app: ASGIApp) -> ASGIApp:
    """Return the app with a span for every request, by the tracer that BentoML is configured for."""
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

    return OpenTelemetryMiddleware(  # type: ignore[no-any-return]
        app,
        excluded_urls=BentoMLContainer.tracing_excluded_urls.get(),
        tracer_provider=BentoMLContainer.tracer_provider.get(),
    )
