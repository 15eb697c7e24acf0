"""The BentoML service: one typed endpoint a variant, made from what build.json names."""

import gc
import logging
import os
import uuid
from pathlib import Path
from typing import Any

import bentoml
from bentoml.exceptions import BentoMLException
from bentoml.models import BentoModel

import models.loading  # noqa: F401  (named here so that a Bento, whose root holds a folder `models` too, finds ours first)
from models.errors import BonsaiError
from models.store import read_build
from service import settings
from service.front import Front
from service.messages import PredictRequest, PredictResponse, answer
from service.registry import Registry, load

try:
    BUILD = read_build(settings.variants_folder())
    THREADS, WORKERS = settings.threads(), settings.workers()
except (BonsaiError, ValueError) as problem:
    raise BentoMLException(str(problem)) from None

logger = logging.getLogger("bentoml.bonsai")
REGISTRY = Registry({})
ATTRIBUTE = "model_{}"


class Variants:
    """BERT text classifiers, one endpoint a variant: POST /{variant}/predict; GET /variants lists their cards."""

    def __init__(self) -> None:
        """Load and warm up every variant; BentoML answers /readyz once this has returned."""
        folders = {name: Path(getattr(self, ATTRIBUTE.format(name)).path) for name in BUILD.variants}
        REGISTRY.swap(load(folders, THREADS))
        logger.info("%d variants", len(folders))
        # What is loaded now lives as long as the process: keep the collector from walking it (full collections were the tail latency).
        gc.collect()
        gc.freeze()


def _endpoint(name: str) -> Any:
    async def predict(self: Any, texts: list[str], top_k: int = 1) -> PredictResponse:
        # Called inside this process only: over HTTP the front answers this route, by the same `predict`.
        request = PredictRequest(texts=texts, top_k=top_k)
        card, predictions = REGISTRY.predict(name, request.texts, request.top_k)
        return PredictResponse.model_validate(answer(card, uuid.uuid4().hex, predictions, request.top_k))

    predict.__name__ = name
    predict.__doc__ = f"Classify texts with the variant '{name}'."
    return bentoml.api(predict, route=f"/{name}/predict")  # type: ignore[call-overload]


for _name, _variant in BUILD.variants.items():
    setattr(Variants, ATTRIBUTE.format(_name), BentoModel(_variant.tag))
    setattr(Variants, _name, _endpoint(_name))

CONFIG: dict[str, Any] = {
    "name": "bonsai",
    "workers": WORKERS,
    "traffic": {"timeout": settings.TIMEOUT_S},
    "logging": {"access": {"enabled": bool(os.environ.get("BONSAI_ACCESS_LOG"))}},
}
if "BENTOML_CONFIG" not in os.environ and "BENTOML_CONFIG_OPTIONS" not in os.environ:
    CONFIG["tracing"] = {"excluded_urls": ".*"}  # OpenTelemetry is the largest cost of the chain; with a configuration an exporter may be set

bonsai = bentoml.service(**CONFIG)(Variants)
bonsai.add_asgi_middleware(Front, registry=REGISTRY)
