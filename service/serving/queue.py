"""Where a prediction is computed: a short one at once, on the event loop; long ones one after another, in a thread."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from models.runtime.card import Card
from models.runtime.classifier import Prediction
from service.routes.refused import Refused
from service.serving.settings import MAX_WAITING
from service.variants.registry import Registry

INLINE_CHARACTERS = 512  # what the event loop may compute itself: a hop to a thread costs as much as a short text


class Queue:
    """The one way from the routes to the registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._waiting = 0
        # One thread for long requests: more would take the cores from the short ones.
        self._long_requests = ThreadPoolExecutor(1, thread_name_prefix="long-request")

    async def predict(
        self, variant: str, texts: Sequence[str], top_k: int, deadline: float
    ) -> tuple[Card, list[Prediction]]:
        """Classify texts with a variant until `deadline`, a time.monotonic() (Refused 503 where too many wait;
        VariantError).
        """
        if sum(map(len, texts)) <= INLINE_CHARACTERS:
            return self._registry.predict(variant, texts, top_k)
        if self._waiting >= MAX_WAITING:
            raise Refused(
                503, f"{self._waiting} long requests are waiting; expected fewer: try again later", Retry_After="1"
            )
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(
                self._long_requests, self._registry.predict, variant, texts, top_k, deadline
            )
        finally:
            self._waiting -= 1
