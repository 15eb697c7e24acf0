"""Whether the disk has room for what a build writes, and for what others write there meanwhile."""

import shutil
from pathlib import Path

from models.runtime.card import Card
from models.runtime.store import build_stores
from service.builds.errors import NoRoom
from service.builds.settings import Limits

# Of the teacher's graph, which no variant exceeds: what is trained, its graph, what passes leave of it, the finished
# folder, its copy where it is published, and one more in the model store.
TIMES = 6
MIB = 2**20


def check_room(out: Path, teacher: Card, limits: Limits) -> None:
    """Refuse a build after which less would be free than the operator keeps, where it writes or where models are stored
    (NoRoom).
    """
    needed = TIMES * teacher.bytes / MIB + limits.disk_mb
    for folder in (out, build_stores()[0]) if limits.disk_mb else ():
        free = shutil.disk_usage(folder).free / MIB
        if free < needed:
            raise NoRoom(
                f"'{folder}' has {free:,.0f} MiB free; expected {needed:,.0f}: {TIMES} times the teacher for a build, "
                f"and {limits.disk_mb} that stay free (BONSAI_BUILD_DISK_MB)"
            )
