"""Make a figure: `python -m models.figures NAME …`; each name below is the module that makes it."""

import sys
from importlib import import_module

FIGURES = {
    "softening": "models.figures.softening",
    "generalization": "models.figures.generalization",
    "dark_knowledge": "models.figures.dark_knowledge",
}
USAGE = f"usage: python -m models.figures {{{','.join(FIGURES)}}} …\n\n'… NAME --help' says what a figure takes."


def main(arguments: list[str] | None = None) -> int:
    """Hand the rest of the command line to a figure's own command; exit code 2 for what the user can repair."""
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    if name in ("-h", "--help"):
        print(USAGE)
        return 0
    if name not in FIGURES:
        given = f"there is no figure '{name}'" if name else "no figure is named"
        print(f"error: {given}; expected one of {', '.join(FIGURES)}", file=sys.stderr)
        return 2
    code: int = import_module(FIGURES[name]).main(rest)  # torch takes seconds, and not every figure needs it
    return code
