"""Puts together what a service needs that keeps experiments: store, writer, watch and shadow."""

import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path

from service.experiments import settings
from service.experiments.errors import Conflict
from service.experiments.experiments import Kept
from service.experiments.records import Records
from service.experiments.shadow import Shadow
from service.experiments.watch import Watch, prepare, read_file
from service.store.errors import StoreError
from service.store.store import Store
from service.store.writer import Writer

RECORDS, SHADOWS = "records.socket", "shadows.socket"

logger = logging.getLogger("bentoml.bonsai")


def prove(variants: list[str]) -> None:
    """Do once, before there are workers, what a mistake of the operator would show in (ExperimentError, BonsaiError for
    settings); a store that is away is no mistake: it may come back.
    """
    settings.admin_key(), settings.keep_days()
    file = settings.experiments_file()
    if file is not None:
        read_file(file, variants)
    store = Store(settings.database_url())
    try:
        prepare(store, file, variants)
    except StoreError as problem:
        logger.warning("predictions go on without experiments: %s", problem)
    except Conflict as problem:
        logger.warning("'%s' is left alone: %s", file, problem)
    finally:
        store.close()


def open_experiments(
    default: str, folders: Mapping[str, Path], packed: Path | None, shared: Path | None, *, leads: bool
) -> Kept:
    """Return what keeps a worker's experiments, and knows what runs; `leads` says that it also judges guardrails and
    keeps the shadow process.
    """
    folder = shared or Path(tempfile.mkdtemp(prefix="bonsai-experiments-"))

    def shadows(folders: Mapping[str, Path]) -> list[str]:
        places = [f"{name}={place}" for name, place in folders.items()]
        return [
            str(folder / SHADOWS),
            str(folder / RECORDS),
            *places,
            *(["--packed", str(packed)] if packed is not None else []),
        ]

    store = Store(settings.database_url())
    writer = Writer(store)
    watch = Watch(
        store,
        writer,
        default,
        list(folders),
        leads=leads,
        recorder=[str(folder / RECORDS)],
        shadows=shadows,
        folders=folders,
        file=settings.experiments_file(),
        keep_days=settings.keep_days(),
    )
    watch.start()
    return Kept(store, writer, watch, Records(folder / RECORDS), Shadow(folder / SHADOWS), settings.admin_key())
