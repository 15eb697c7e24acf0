"""Puts together what a service needs that keeps experiments: store, writer, watch and shadow."""

import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from models.runtime.errors import BonsaiError
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
LONGEST = 107  # bytes of a socket's path
SHARED = "BONSAI_SHARED_FOLDER"  # how the service tells its workers of the folder that they share

logger = logging.getLogger("bentoml.bonsai")


def prove(variants: list[str]) -> None:
    """Do once, before there are workers, what a mistake of the operator would show in (ExperimentError, BonsaiError for
    settings); a store that is away is no mistake: it may come back.
    """
    settings.admin_key(), settings.keep_days()
    if folder := os.environ.get(SHARED):
        check_sockets(Path(folder))
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


def check_sockets(folder: Path) -> None:
    """Raise where the sockets of a folder for temporary files could not be bound (BonsaiError): what workers hand on
    would be lost.
    """
    over = max(len(os.fsencode(folder / name)) for name in (RECORDS, SHADOWS)) - LONGEST
    if over > 0:
        most = len(os.fsencode(folder.parent)) - over
        raise BonsaiError(
            f"TMPDIR is {folder.parent}; expected a folder whose path is at most {most} bytes long: sockets lie in it"
        )


def open_experiments(
    default: str, folders: Mapping[str, Path], packed: Path | None, shared: Path | None, *, leads: bool
) -> Kept:
    """Return what keeps a worker's experiments, and knows what runs; `leads` says that it also judges guardrails and
    keeps the shadow process.
    """
    folder = shared or Path(tempfile.mkdtemp(prefix="bonsai-experiments-"))
    check_sockets(folder)

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
