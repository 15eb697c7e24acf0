"""One measurement: Locust, as a library, puts a load on one variant; after the warm-up every answer is recorded."""

import gc
import time
from dataclasses import dataclass
from typing import Any

from gevent.event import Event
from locust.env import Environment

from loadtest.connection import Address
from loadtest.options import options
from loadtest.users import Recorder, VariantUser


@dataclass(frozen=True)
class Load:
    """How hard and how long: `users` ask one request after another, each of `texts` texts."""

    users: int
    texts: int
    warm_up: float
    seconds: float


def measure(address: Address, variant: str, version: str, load: Load, *, corpus: str, timeout: float, seed: str, stop: Event) -> dict[str, Any] | None:
    """Put the load on a variant and return what result.json keeps of it; None when `stop` was set before the end."""
    environment = Environment(
        user_classes=[VariantUser],
        host=str(address),
        stop_timeout=timeout,
        parsed_options=options(
            variant=variant,
            variant_version=version,
            corpus=corpus,
            corpus_seed=seed,
            answer_timeout=timeout,
            texts_per_request=load.texts,
            stop_timeout=timeout,
        ),
    )
    mistakes: list[BaseException] = []
    environment.events.user_error.add_listener(lambda exception, **_: mistakes.append(exception))
    recorder = Recorder(environment.events)
    runner = environment.create_local_runner()
    gc.collect()
    gc.disable()  # a full collection in the middle would be measured as the service's
    try:
        runner.start(load.users, spawn_rate=load.users)
        stop.wait(load.warm_up)
        recording = recorder.open()
        wall, cpu = time.perf_counter(), time.process_time()
        stop.wait(load.seconds)
        recorder.close()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    finally:
        runner.quit()
        gc.enable()
    if mistakes:  # a mistake in the user's own code, which Locust would only log
        raise mistakes[0]
    if stop.is_set():
        return None
    return {**recording.to_json(), "seconds": round(wall, 6), "generator": {"cpu_share": round(cpu / wall, 4)}}
