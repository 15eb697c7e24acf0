"""The console command: `bonsai build …` is `python -m models.build …`, and so on; each name below is the module that it
runs.

Nothing is imported before a command is chosen, so that `bonsai --help` needs no torch, and the load test can patch its
sockets first.
"""

import runpy
import sys
from typing import NamedTuple


class Command(NamedTuple):
    """A module that is run, the arguments that come first, what it is for, and the extra of the project that it
    needs.
    """

    module: str
    does: str
    extra: str = ""
    first: tuple[str, ...] = ()


COMMANDS = {
    "build": Command("models.build", "build the variants of a recipe and store them", "build"),
    "predict": Command("models.predict", "classify the texts of a file, with a variant of a build"),
    "report": Command("models.report", "draw the report of a finished build again", "build"),
    "bench": Command("models.bench", "compare the variants of a build and the control rows", "build"),
    "figure": Command("models.figures", "compute or draw one of the lecture's figures: pruning, softening, …", "build"),
    "serve": Command(
        "bentoml",
        "serve the variants of the last build: bentoml serve service.service:bonsai",
        first=("serve", "service.service:bonsai"),
    ),
    "loadtest": Command("loadtest.run", "compare the variants of a running service under load", "loadtest"),
    "redraw": Command("loadtest.report", "draw table, pictures and page of a load test again", "loadtest"),
    "compare": Command("loadtest.compare", "compare two load tests", "loadtest"),
    "truth": Command("loadtest.truth", "hold the load test against a server whose times are known", "loadtest"),
    "experiments": Command("service.experiments", "report, export or replay an A/B experiment"),
    "bench-experiments": Command("loadtest.experiments", "measure what an experiment costs its callers", "loadtest"),
    "keys": Command("service.keys", "make, list and remove API keys"),
    "soak": Command("loadtest.soak", "load the service for minutes, and see whether it stays as it is", "loadtest"),
    "overload": Command("loadtest.overload", "offer the service ten times the load that it can take", "loadtest"),
    "ceiling": Command("loadtest.ceiling", "measure what the load generator itself can offer", "loadtest"),
    "again": Command("loadtest.again", "compare a variant with itself, many times", "loadtest"),
    "bench-serving": Command("loadtest.serving", "compare the service with its peers by wrk", "loadtest"),
    "demo": Command(
        "loadtest.demo", "build, serve and compare the variants of the embedded data set", "build,loadtest"
    ),
}
OWN = ("models", "service", "loadtest")


def usage() -> str:
    """Return what `bonsai --help` prints."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {command.does}" for name, command in COMMANDS.items()]
    return "\n".join(["usage: bonsai COMMAND …", "", *lines, "", "'bonsai COMMAND --help' says what a command takes."])


def main() -> int:
    """Run a command as `python -m` runs its module; exit code 2 for what the user can repair."""
    name, *rest = sys.argv[1:] or [""]
    if name in ("-h", "--help"):
        print(usage())
        return 0
    if name not in COMMANDS:
        given = f"there is no command '{name}'" if name else "no command is given"
        print(f"error: {given}; expected one of {', '.join(COMMANDS)} (bonsai --help)", file=sys.stderr)
        return 2
    command = COMMANDS[name]
    sys.argv[1:] = [*command.first, *rest]
    try:
        runpy.run_module(command.module, run_name="__main__", alter_sys=True)
    except ModuleNotFoundError as error:
        missing = (error.name or "").split(".")[0]
        if not command.extra or missing in OWN:
            raise
        print(
            f"error: 'bonsai {name}' needs {missing}, which is not installed; run pip install '.[{command.extra}]' in "
            "the project",
            file=sys.stderr,
        )
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
