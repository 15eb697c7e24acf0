"""What BentoML's supervisor does with workers, where its own choice serves no one.

It starts no worker again in a container, waits a day for one to end, and closes connections after 5 idle seconds. None
of it can be set, but what makes watchers is looked up when it is called.
"""

from typing import Any

import circus.watcher


class Watcher(circus.watcher.Watcher):  # type: ignore[misc]
    """Keeps the workers alive wherever they run, and ends them after a time of grace."""

    keep_alive_s, grace_s = 75, 20

    def __init__(self, name: str, cmd: str, args: list[str], **options: Any) -> None:
        for option, seconds in (
            ("--timeout-keep-alive", self.keep_alive_s),
            ("--timeout-graceful-shutdown", self.grace_s),
        ):
            if option not in args:  # the operator's own stays
                args = [*args, option, str(seconds)]
        # Killed a little later than a worker ends by itself.
        super().__init__(name, cmd, args=args, **{**options, "respawn": True, "graceful_timeout": self.grace_s + 5})


def supervise(keep_alive_s: int, grace_s: int) -> None:
    """Let the supervisor of this process treat workers so."""
    Watcher.keep_alive_s, Watcher.grace_s = keep_alive_s, grace_s
    circus.watcher.Watcher = Watcher
