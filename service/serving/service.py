"""The BentoML service: one typed endpoint a variant, made from what build.json names."""

import asyncio
import contextlib
import gc
import logging
import threading
import uuid
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import bentoml
from bentoml._internal.context import server_context
from bentoml.exceptions import BentoMLException
from bentoml.models import BentoModel

from models.runtime.background import end_first
from models.runtime.batching import Measured, read_measured
from models.runtime.errors import (
    BonsaiError,
)  # (at the top, so that a Bento, whose root holds a folder `models` too, finds ours first)
from models.runtime.loading import check_all_whole, pack_variants
from models.runtime.memory import return_memory
from models.runtime.store import BUILD_COMMAND, store_folder, stored
from service.builds.at_start import ask_for_int8, build_teacher, given_model, quantizes
from service.builds.settings import limits
from service.builds.writable import writable
from service.experiments import settings as experiment_settings
from service.experiments.experiments import Experiments
from service.keys.watched import WatchedKeys
from service.routes.messages import PredictRequest, PredictResponse, answer
from service.serving import metrics, settings
from service.serving.address import check_address
from service.serving.outermost import OutermostService
from service.serving.shared_folder import decided, is_first, make_shared_folder, shared_folder
from service.serving.supervisor import supervise
from service.variants.collector import settle
from service.variants.generations import Generations, last_served
from service.variants.proved import PROVED, write_proved
from service.variants.registry import Loaded, load
from service.variants.reloading import PACKED, Reloading, present_build
from service.variants.startup import read_rows, refuse_differing


def refused(problem: BonsaiError) -> BentoMLException:
    """Return what ends `bentoml serve` and `bentoml build` with one line; any other exception would come with its
    traceback.
    """
    in_bento = find_spec("models.train") is None
    where = ", where this Bento was made, and import a new one" if in_bento and BUILD_COMMAND in str(problem) else ""
    return BentoMLException(f"{problem}{where}")


try:
    settings.check_temporary_folder()
    VARIANTS = settings.variants_folder()
    QUANTIZES = quantizes()
    if is_first() and (QUANTIZES or experiment_settings.admin_key() or settings.keys_file()):
        VARIANTS = writable(VARIANTS)
    if is_first() and (given := given_model()) is not None:
        build_teacher(given, VARIANTS)
    BUILD = present_build(VARIANTS, shared_folder(), experiment_settings.default_variant, settings.only())
    FOLDERS = {name: stored(variant.tag) for name, variant in BUILD.variants.items()}
    THREADS, WORKERS, STRICT = settings.threads(), settings.workers(), settings.strict()
    DEADLINE_S, PREFIX = settings.deadline_s(), settings.path_prefix()
    settings.access_log(), settings.most_wait_ms(), settings.read_s(), limits(), experiment_settings.keep_days()
    OutermostService.experiments = Experiments(experiment_settings.default_variant(list(FOLDERS)))
    OutermostService.generations = Generations(shared_folder(), (server_context.worker_index or 1) - 1, WORKERS)
    if QUANTIZES and is_first():
        ask_for_int8(VARIANTS, settings.only())
    make_shared_folder()
    KEYS = WatchedKeys(file, shared_folder()) if (file := settings.keys_file()) is not None else None
    OutermostService.keys = KEYS
    HAS_ADMIN = decided("admin", KEYS is not None and KEYS.now.has_admin)
    KEEPS = experiment_settings.is_on() or HAS_ADMIN
    supervise(settings.keep_alive_s(), settings.drain_s(), settings.grace_s())
except BonsaiError as problem:
    raise refused(problem) from None

logger = logging.getLogger("bentoml.bonsai")
REGISTRY = OutermostService.registry
COLLECTED_AFTER = 20_000  # objects more than before
WORKER = 200  # thousandths of the memory: the process that starts another in its place is not to be ended
ATTRIBUTE = "MODEL_{}"  # in capitals, which no variant's name has


class Variants:
    """BERT text classifiers, one endpoint a variant: POST /{variant}/predict; GET /variants lists their cards."""

    @bentoml.on_deployment  # type: ignore[untyped-decorator]
    @staticmethod
    def _prove() -> None:
        """Do once what every worker will do, before there is one: BentoML starts a worker that fails again and again,
        for ever.
        """
        try:
            check_address()
            check_all_whole(FOLDERS.values())
            packed = _pack()
            # What cannot be opened is said here, once.
            variants = load(FOLDERS, THREADS, read_rows(VARIANTS), _measured(), packed, at_once=WORKERS)
            if STRICT:
                refuse_differing({name: variant.startup_check for name, variant in variants.items()})
            if packed is not None:
                write_proved(packed.with_name(PROVED), {each.card.version: each.proved for each in variants.values()})
            if KEEPS:
                from service.experiments.opening import prove  # brings the database's library

                prove(list(FOLDERS))
            del variants
            gc.collect()
            return_memory()
        except BonsaiError as problem:
            raise refused(problem) from None

    def __init__(self) -> None:
        """Load and warm up every variant, and check those that are not proved; BentoML answers /readyz once this has
        returned.
        """
        end_first(WORKER)
        folder = shared_folder()
        self._reloading = Reloading(
            VARIANTS,
            REGISTRY,
            Swap(),
            threads=THREADS,
            strict=STRICT,
            shared=folder,
            generations=OutermostService.generations,
            accept=experiment_settings.default_variant,
            only=settings.only(),
        )
        try:
            self._reloading.load(BUILD)
        except BonsaiError as problem:
            last = last_served(folder)
            if last is None or last == BUILD:
                raise
            logger.warning("build.json is not served, generation %d still is: %s", last.generation, problem)
            self._reloading.load(last)
        leads, ours = (server_context.worker_index or 1) == 1, OutermostService.experiments
        if KEEPS:
            from service.experiments.opening import open_experiments

            packed = folder / PACKED if folder is not None else None
            folders = self._reloading.folders
            ours.keep(open_experiments(ours.running.default, folders, packed, folder, leads=leads))
        if QUANTIZES or (KEEPS and (ours.admin_key or HAS_ADMIN)):
            OutermostService.builds.keep(VARIANTS, leads=leads, served=_is_served, only=settings.only())
        logger.info("%d variants", len(REGISTRY.names))
        settle()
        return_memory()
        # Of the requests of one turn of the loop some thousand objects are alive, which are no garbage yet.
        gc.set_threshold(COLLECTED_AFTER)
        self._reloading.start()
        if KEYS is not None:
            KEYS.start()

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def _close(self) -> None:
        """Write down what is still to be written; a build goes on when the service starts again."""
        self._reloading.close()
        if KEYS is not None:
            KEYS.close()
        OutermostService.builds.close()
        OutermostService.experiments.close()


def _measured() -> dict[str, Measured]:
    return {name: found for name in FOLDERS if (found := read_measured(VARIANTS / name))}


def _pack() -> Path | None:
    """Pack the variants for all workers; where there is no room they will hold their weights each."""
    folder = shared_folder()
    if folder is None:
        return None
    try:
        pack_variants(FOLDERS, folder / PACKED)
    except BonsaiError as problem:
        logger.warning("each worker holds its own weights: %s; set TMPDIR to a folder that has room", problem)
    return folder / PACKED


def _is_served(name: str, generation: int) -> bool:
    """Tell whether all workers serve a build at least as new as this, and the variant in it."""
    served = OutermostService.generations
    return name in REGISTRY.names and served.generation >= generation and served.serving() == served.workers


class Swap:
    """Serves other variants, and lets all that knows them follow."""

    def __init__(self) -> None:
        """Made where requests are answered."""
        self._loop: asyncio.AbstractEventLoop | None = None
        with contextlib.suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()

    def __call__(self, folders: Mapping[str, Path], variants: dict[str, Loaded]) -> None:
        """Swap them between two turns of the event loop: no request sees the names of one build and the variants of
        another.
        """
        before, experiments = REGISTRY.variants, OutermostService.experiments
        experiments.follow([name for name in REGISTRY.names if name in variants], folders)
        if self._loop is None or threading.current_thread() is threading.main_thread():
            REGISTRY.swap(variants)
        else:
            swapped = threading.Event()
            self._loop.call_soon_threadsafe(REGISTRY.swap, variants)
            self._loop.call_soon_threadsafe(swapped.set)
            swapped.wait()
        experiments.follow(list(variants), folders)
        _tell(before, variants)


def _tell(before: Sequence[Loaded], variants: Mapping[str, Loaded]) -> None:
    """Say what the start-up check found; of versions that are gone nothing is found any more."""
    now = {variant.card.version for variant in variants.values()}
    known = {variant.card.version for variant in before}
    for card, *_ in before:
        if card.version not in now:
            metrics.CHECKED.labels(card.name, card.version).set(0)
            metrics.DIFFERING.labels(card.name, card.version).set(0)
    for name, (card, _, (texts, differing), *_) in variants.items():
        if card.version in known:
            continue
        metrics.CHECKED.labels(name, card.version).set(texts)
        metrics.DIFFERING.labels(name, card.version).set(differing)
        if differing:
            logger.warning(
                "variant '%s': %d of %d test texts get another label than when it was built", name, differing, texts
            )


def _endpoint(name: str) -> Any:
    async def predict(self: Any, texts: list[str], top_k: int = 1) -> PredictResponse:
        # Called inside this process only: over HTTP the front answers this route.
        request = PredictRequest(texts=texts, top_k=top_k)
        card, predictor, *_ = REGISTRY.ask(name, request.top_k)
        predictions = predictor.predict(request.texts, request.top_k)
        return PredictResponse.model_validate(answer(card, uuid.uuid4().hex, predictions, request.top_k))

    predict.__name__ = name
    predict.__doc__ = f"Classify texts with the variant '{name}'."
    return bentoml.api(predict, route=f"/{name}/predict")  # type: ignore[call-overload]


for _name, _variant in BUILD.variants.items():
    if store_folder() in FOLDERS[_name].parents:  # and not one that was built beside an image's
        setattr(Variants, ATTRIBUTE.format(_name), BentoModel(_variant.tag))
    setattr(Variants, _name, _endpoint(_name))

bonsai = bentoml.service(
    name="bonsai",
    workers=WORKERS,
    path_prefix=PREFIX or None,
    service_class=OutermostService,
    traffic={"timeout": DEADLINE_S},
    logging={"access": {"enabled": False}},  # our own line knows variants; this one would be of the rest alone
    tracing={"excluded_urls": "livez,readyz,healthz,metrics"},
)(Variants)
