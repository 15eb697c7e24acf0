"""A process that has imported the load test and forks for each command, since importing Locust and matplotlib takes
longer than most of the commands: one line of JSON on standard input starts one, and one says that it has ended.
"""

import json
import os
import sys

import locust  # noqa: F401  # first, since it patches sockets
from gevent import get_hub, monkey, reinit
from matplotlib.backends import backend_agg, backend_svg  # noqa: F401

from loadtest import again, ceiling, published, run, truth  # noqa: F401

fork, wait = monkey.get_original("os", "fork"), monkey.get_original("os", "waitpid")
answers = os.fdopen(os.dup(1), "w")


def begin(arguments: list[str], out: str, error: str) -> None:
    """Become what `python -c` starts."""
    reinit()
    get_hub().loop.update_now()  # or sleeps would be shorter by the time since the start
    answers.close()
    for stream, path in enumerate((os.devnull, out, error)):
        file = os.open(path, os.O_RDWR)
        os.dup2(file, stream)
        os.close(file)
    sys.argv = ["-c", *arguments]


for line in iter(sys.stdin.readline, ""):
    asked = json.loads(line)
    started = fork()
    if not started:
        begin(asked["arguments"], asked["out"], asked["error"])
        exec(compile(asked["code"], "<string>", "exec"), {"__name__": "__main__"})
        break
    print(started, file=answers, flush=True)
    print(os.waitstatus_to_exitcode(wait(started, 0)[1]), file=answers, flush=True)
