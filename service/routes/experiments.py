"""`/experiments…`: what runs and what comes of it, for whoever has the admin key."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson

from service.experiments import changes
from service.experiments.changes import MOST_REASON
from service.experiments.definition import read
from service.experiments.losses import recording
from service.experiments.report import listed, report
from service.experiments.running import Standing
from service.routes.admin import check_admin
from service.routes.exchange import Answer, Request, Service
from service.routes.json_body import read_json
from service.routes.refused import Refused
from service.store.errors import StoreError

ACTOR = "admin"


async def list_experiments(request: Request, service: Service) -> Answer:
    """Return all experiments and where each stands."""
    check_admin(request, service)
    store = service.experiments.store
    return await _answer(lambda: {"experiments": listed(store)})


async def create_experiment(request: Request, service: Service) -> Answer:
    """Start an experiment; 201 with what it is."""
    check_admin(request, service)
    experiment = read(read_json(request.body), _variants(service))
    return await _changed(service, lambda: changes.create(service.experiments.store, experiment, ACTOR), 201)


async def show_experiment(request: Request, service: Service, name: str) -> Answer:
    """Return the report of one experiment."""
    check_admin(request, service)
    store = service.experiments.store
    return await _answer(lambda: report(store, name) | {"recording": recording()})


async def change_experiment(request: Request, service: Service, name: str) -> Answer:
    """Change weights, shares, guardrails and the like."""
    check_admin(request, service)
    given, variants = read_json(request.body), _variants(service)
    return await _changed(service, lambda: changes.change(service.experiments.store, name, given, ACTOR, variants))


async def command_experiment(request: Request, service: Service, name: str, command: str) -> Answer:
    """Pause, resume or end an experiment; the body may give a reason."""
    check_admin(request, service)
    given = read_json(request.body) if request.body.strip() else {}
    reason = given.get("reason", "") if isinstance(given, dict) else None
    if not isinstance(reason, str) or len(reason) > MOST_REASON or "\0" in reason or set(given) - {"reason"}:
        sentence = 'the body is not what is accepted; expected none, or {"reason": "…"} of at most'
        raise Refused(400, f"{sentence} {MOST_REASON:,} characters, none of them NUL")
    return await _changed(service, lambda: changes.command(service.experiments.store, name, command, ACTOR, reason))


async def forget_unit(request: Request, service: Service, name: str, unit: str) -> Answer:
    """Remove the texts that were kept of a unit, as callers name it."""
    check_admin(request, service)
    store = service.experiments.store
    return await _answer(lambda: {"removed": changes.forget(store, name, unit)})


async def _changed(service: Service, change: Callable[[], Standing], status: int = 200) -> Answer:
    def changed() -> dict[str, Any]:
        now = change()
        with suppress(StoreError):  # it is made, and the watch learns of it a little later
            service.experiments.refresh()
        return {
            "name": now.experiment.name, "revision": now.revision, "state": now.state, "reason": now.reason,
            "definition": now.experiment.content(),
        }  # fmt: skip

    return await _answer(changed, status)


async def _answer(content: Callable[[], dict[str, Any]], status: int = 200) -> Answer:
    return Answer(orjson.dumps(await asyncio.to_thread(content)), status=status)


def _variants(service: Service) -> list[str]:
    return [variant.card.name for variant in service.registry.variants]
