"""The folder that the processes of one service share, and no other does: figures, and weights packed for this machine.

BentoML empties one folder of figures a home at every start, and with it those of a service that runs there.
"""

import atexit
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

import click
from bentoml._internal.configuration.containers import BentoMLContainer

PREFIX = "bonsai-service-"
VARIABLE = "BONSAI_SHARED_FOLDER"  # how the workers learn of it
OWNER = "owner.lock"


def is_first() -> bool:
    """Tell whether this is the process of `bentoml serve` that starts all others."""
    command = click.get_current_context(silent=True)
    return command is not None and "port" in command.params and VARIABLE not in os.environ


def make_shared_folder() -> None:
    """Make the folder of the service that this `bentoml serve` starts, and remove those that killed ones left."""
    if not is_first():
        return
    _remove_left_over()
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    _hold(folder)
    atexit.register(_remove, folder, os.getpid())
    (folder / "metrics").mkdir()
    BentoMLContainer.prometheus_multiproc_dir.set(str(folder / "metrics"))
    os.environ[VARIABLE] = str(folder)


def decided(name: str, on: bool) -> bool:
    """Return whether something is on as the first process found it, for all workers of its life: one that takes a
    killed one's place would find other keys, and be unlike the others.
    """
    folder = shared_folder()
    if folder is None:
        return on
    place = folder / f"{name}.decided"
    if not place.exists():  # this is the first, which has just made the folder
        place.write_text("on" if on else "off", encoding="utf-8")
    return place.read_text(encoding="utf-8") == "on"


def shared_folder() -> Path | None:
    """Return this service's folder; there is none outside `bentoml serve`."""
    given = os.environ.get(VARIABLE)
    return Path(given) if given else None


def _hold(folder: Path) -> int:
    """Mark a folder as this process's for as long as it lives; those that it starts know nothing of the lock. A
    process's number would not do: in a container it is always 1, and several containers may share a volume.
    """
    lock = os.open(folder / f"{OWNER}.draft", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    (folder / f"{OWNER}.draft").rename(folder / OWNER)  # nobody sees it without its lock
    return lock


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # and not in a fork of it
        shutil.rmtree(folder, ignore_errors=True)


def _remove_left_over() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            lock = os.open(folder / OWNER, os.O_RDWR)
        except OSError:  # it is being made, or another user's
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)
