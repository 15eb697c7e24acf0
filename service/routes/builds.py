"""`POST /variants`, `DELETE /variants/{name}`, `/builds…`: a variant on the fly, for whoever has the admin key."""

import asyncio
import re
import time
from collections.abc import AsyncIterator

import orjson

from service.builds.errors import Conflict
from service.builds.jobs import OVER, Job
from service.experiments.running import ENDED
from service.routes.admin import check_admin
from service.routes.exchange import Answer, Request, Service
from service.routes.json_body import read_json

POLL_S = 0.3
MOST_WAIT_S = 60.0
QUIET_S = 10.0  # after which a comment keeps a stream of events alive
STREAM_S = 600.0  # after which the client connects anew, as clients of events do by themselves


async def build_variant(request: Request, service: Service) -> Answer:
    """Queue a build; 202 with its id and where to look."""
    check_admin(request, service)
    given = read_json(request.body)
    job = await asyncio.to_thread(service.builds.ask, given)
    body = orjson.dumps({"id": job.id, "state": job.state})
    return Answer(body, headers={"Location": f"builds/{job.id}"}, status=202)


async def unload_variant(request: Request, service: Service, name: str) -> Answer:
    """Take a variant out of what is served."""
    check_admin(request, service)
    await asyncio.to_thread(_check_unused, service, name)
    generation = await asyncio.to_thread(service.builds.unload, name)
    return Answer(orjson.dumps({"unloaded": name, "generation": generation}))


def _check_unused(service: Service, name: str) -> None:
    """Refuse to take what POST /predict may answer with, or what the next start asks for (Conflict, StoreError)."""
    running = service.experiments.latest()
    for standing in running.by_name.values():
        if standing.state != ENDED and name in [arm.variant for arm in standing.experiment.arms]:
            experiment = standing.experiment.name
            raise Conflict(
                f"'{name}' is an arm of the experiment '{experiment}' ({standing.state}); expected one that has ended: "
                f"POST /experiments/{experiment}/end"
            )
    if (begun_anew := service.experiments.begun_anew(name)) is not None:
        raise Conflict(
            f"'{name}' is an arm of the experiment '{begun_anew}' in the file BONSAI_EXPERIMENTS, which the next start "
            "reads; expected a file that names it no longer"
        )
    if name == running.default and name != "teacher":
        raise Conflict(f"'{name}' answers POST /predict (BONSAI_DEFAULT_VARIANT); expected another variant")


async def list_builds(request: Request, service: Service) -> Answer:
    """Return all builds, the oldest first."""
    check_admin(request, service)
    jobs = await asyncio.to_thread(service.builds.jobs.all)
    return Answer(orjson.dumps({"builds": [job.model_dump(mode="json", exclude={"lines", "tried"}) for job in jobs]}))


async def show_build(request: Request, service: Service, id: str) -> Answer:
    """Return a build as it stands; after `Prefer: wait=N` once it has changed; as events where those are accepted."""
    check_admin(request, service)
    job = await asyncio.to_thread(service.builds.jobs.find, id)
    if "text/event-stream" in request.headers.get(b"accept", "").lower():
        return Answer(b"", "text/event-stream", {"Cache-Control": "no-store"}, stream=_events(service, job))
    wait = re.search(r"(?:^|,)\s*wait\s*=\s*(\d{1,4})\s*(?:,|;|$)", request.headers.get(b"prefer", "").lower())
    if wait is None:
        return _shown(job)
    until, first = time.monotonic() + min(MOST_WAIT_S, float(wait[1])), job
    while job.state not in OVER and job == first and time.monotonic() < until:
        await asyncio.sleep(POLL_S)
        job = await asyncio.to_thread(service.builds.jobs.find, id)
    return _shown(job, {"Preference-Applied": f"wait={wait[1]}"})


async def cancel_build(request: Request, service: Service, id: str) -> Answer:
    """Cancel a build; 202, for it ends soon."""
    check_admin(request, service)
    job = await asyncio.to_thread(service.builds.jobs.cancel, id)
    return Answer(orjson.dumps({"id": job.id, "state": job.state}), headers={"Location": id}, status=202)


async def _events(service: Service, job: Job) -> AsyncIterator[bytes]:
    """Yield a build whenever it has changed, until it is over (server-sent events)."""
    until, said = time.monotonic() + STREAM_S, time.monotonic()
    yield _event(job)
    while job.state not in OVER and time.monotonic() < until:
        await asyncio.sleep(POLL_S)
        now = await asyncio.to_thread(service.builds.jobs.find, job.id)
        if now != job:
            job, said = now, time.monotonic()
            yield _event(job)
        elif time.monotonic() - said > QUIET_S:
            said = time.monotonic()
            yield b":\n\n"


def _event(job: Job) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (job.state.encode(), orjson.dumps(job.model_dump(mode="json")))


def _shown(job: Job, headers: dict[str, str] | None = None) -> Answer:
    return Answer(orjson.dumps(job.model_dump(mode="json")), headers={"Cache-Control": "no-store", **(headers or {})})
