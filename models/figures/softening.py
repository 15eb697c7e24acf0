"""One text's soft labels: what teacher, teachers and students think of the labels that are not the answer, at several
temperatures (Hinton et al. 2015, section 2): `python -m models.figures softening "my text" [--out DIR] [--picture
FILE]`.
"""

import argparse
import sys
import textwrap
from pathlib import Path

from rich.console import Console

from models.bench.comparison import Table, print_table
from models.figures.answers import Answers, ask
from models.figures.softening_picture import draw_softening
from models.runtime.errors import BonsaiError
from models.runtime.store import OUT

TEMPERATURES = (1.0, 2.0, 4.0, 8.0)
LABELS = 5
HEADING = 14  # characters a line: labels of several words would make the table wider than a terminal
PICTURE = "softening.png"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line (BonsaiError where a number is unusable)."""
    parser = argparse.ArgumentParser(
        prog="python -m models.figures softening", description="Show one text's soft labels at several temperatures."
    )
    parser.add_argument("text", help="the text, in quotes")
    parser.add_argument("--out", type=Path, default=OUT, help="the folder of a finished build (default: variants)")
    parser.add_argument("--dataset", help="where the build's data set stands now (default: where the build found it)")
    parser.add_argument("--labels", type=int, default=LABELS, help=f"labels that are shown (default: {LABELS})")
    parser.add_argument(
        "--picture", type=Path, help=f"where the picture goes (default: {PICTURE} in the build's folder)"
    )
    options = parser.parse_args(arguments)
    if options.labels < 2:
        raise BonsaiError(f"--labels is {options.labels}; expected at least 2")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Print the table and draw the picture; exit code 2 for what the user can repair."""
    try:
        options = parse(arguments)
        answers = ask(options.out, options.dataset, options.text)
        shown = answers.best(options.labels)
        picture = options.picture or options.out / PICTURE
        drawn = draw_softening(answers, shown, TEMPERATURES)
        try:
            picture.write_bytes(drawn)
        except OSError as error:
            raise BonsaiError(
                f"the picture cannot be written to '{picture}' ({error.strerror}); choose another file with --picture"
            ) from error
    except BonsaiError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    console = Console(highlight=False)
    print_table(table(answers, shown), console)
    for line in (*notes(answers), f"{picture}"):
        console.print(line, markup=False, soft_wrap=True)
    return 0


def table(answers: Answers, shown: list[int]) -> Table:
    """Return the hard label, and the soft ones of all that were asked at each temperature; the last column is what the
    other labels have together.
    """
    heads = ["", "T", *(heading(answers.labels[label]) for label in shown)]
    others = len(answers.labels) - len(shown)
    if others:
        heads.append(f"{others} others")
    hard = ["1" if label == answers.hard else "0" for label in shown]
    rows = [["hard label", "", *hard, *(["0"] if others else [])]]
    for name in answers.logits:
        for temperature in TEMPERATURES:
            soft = answers.soft(name, temperature)
            shares = [float(soft[label]) for label in shown]
            rest = [probability(max(0.0, 1 - sum(shares)))] if others else []
            begin = name if temperature == TEMPERATURES[0] else ""
            rows.append([begin, f"{temperature:g}", *map(probability, shares), *rest])
    return Table(heads, rows)


def notes(answers: Answers) -> list[str]:
    """Return where the hard label comes from, and what was cut off."""
    label = answers.labels[answers.hard]
    found = [
        f"The hard label is that of {answers.found_in} with this text: {label}."
        if answers.found_in
        else f"The text is none of the data set's, so the hard label is the teacher's own answer: {label}."
    ]
    if answers.truncated_at:
        found.append(
            f"The text is longer than the model reads: what follows its first {answers.truncated_at} tokens is cut off."
        )
    return found


def heading(label: str) -> str:
    """Break a label's name between its words, where it is long."""
    return "\n".join(textwrap.wrap(label.replace("_", "_ "), HEADING)).replace("_ ", "_")


def probability(share: float) -> str:
    """Write a probability so that a small one is not a nought."""
    return f"{share:.3f}" if share >= 0.001 else f"{share:.0e}" if share >= 1e-12 else "0"
