"""Make a figure: `python -m models.figures NAME …`; each name below is the module whose `main` takes the rest."""

import signal
import sys
from importlib import import_module

from models.runtime.errors import BonsaiError

FIGURES = {
    "pruning": "models.figures.pruning",
    "granularity": "models.figures.granularity",
    "softening": "models.figures.softening",
    "generalization": "models.figures.generalization",
    "dark_knowledge": "models.figures.dark_knowledge",
}


def main(arguments: list[str] | None = None) -> int:
    """Make one figure; exit code 2 for what the user can repair, 130 after Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    if name in ("-h", "--help"):
        print(f"usage: python -m models.figures {{{','.join(FIGURES)}}} …")
        return 0
    try:
        if name not in FIGURES:
            given = f"there is no figure '{name}'" if name else "no figure is named"
            raise BonsaiError(f"{given}; expected one of {', '.join(FIGURES)} (python -m models.figures --help)")
        import_module(FIGURES[name]).main(rest)  # torch takes seconds, and not every figure needs it
    except BonsaiError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; what is finished is stored, and the same command goes on from there", file=sys.stderr)
        return 130
    return 0
