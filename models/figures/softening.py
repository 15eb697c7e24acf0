"""One text's soft labels: what teacher, teachers and students think of the labels that are not the answer, at several
temperatures (Hinton et al. 2015, section 2): `python -m models.figures softening "my text" [--out DIR] [--picture
FILE]`.
"""

import argparse
import tempfile
from pathlib import Path

from rich.console import Console

from models.bench.comparison import print_table
from models.figures.answers import ask
from models.figures.softened import LABELS, TEMPERATURES, notes, table, write_answers
from models.figures.softening_picture import draw_softening
from models.report.build_results import REPORT_FILE
from models.report.flips import FLIPS_FILE
from models.runtime.card import CARD_FILE
from models.runtime.errors import BonsaiError
from models.runtime.store import BUILD_FILE, CORPUS_FILE, DATASET_FILE, OUT

PICTURE = "softening.png"
OWN = (BUILD_FILE, CORPUS_FILE, DATASET_FILE, REPORT_FILE, FLIPS_FILE)  # what a build writes beside its variants


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
    parser.add_argument("--result", type=Path, help="a JSON file to store the answers in (default: none)")
    options = parser.parse_args(arguments)
    if options.labels < 2:
        raise BonsaiError(f"--labels is {options.labels}; expected at least 2")
    return options


def main(arguments: list[str] | None = None) -> None:
    """Print the table and draw the picture (BonsaiError)."""
    options = parse(arguments)
    picture = options.picture or options.out / PICTURE
    _check_places(options, picture)
    answers = ask(options.out, options.dataset, options.text)
    if options.result is not None:
        write_answers(options.result, answers)
    shown = answers.best(options.labels)
    drawn = draw_softening(answers, shown, TEMPERATURES)
    try:
        picture.write_bytes(drawn)
    except OSError as error:
        raise BonsaiError(
            f"the picture cannot be written to '{picture}' ({error.strerror}); choose another file with --picture"
        ) from error
    console = Console(highlight=False)
    print_table(table(answers, shown), console)
    for line in (*notes(answers), f"{picture}"):
        console.print(line, markup=False, soft_wrap=True)


def _check_places(options: argparse.Namespace, picture: Path) -> None:
    """Refuse places that take no file, or hold one of the build's own, before anything is asked (BonsaiError)."""
    for option, place in {"--picture": options.picture, "--result": options.result}.items():
        if place is None:
            continue
        file, build = place.resolve(), options.out.resolve()
        if (
            (file.parent == build and file.name in OWN)
            or build / ".steps" in file.parents
            or (file.parent / CARD_FILE).exists()
        ):
            raise BonsaiError(f"{option} is '{place}', a place of the build's own files; choose another file")
        try:
            with tempfile.TemporaryFile(dir=file.parent):
                free = file.is_file() or not file.exists()
        except OSError:
            free = False
        if not free:
            raise BonsaiError(f"{option} is '{place}', where no file can be written; choose another file")
    if options.result is not None and options.result.resolve() == picture.resolve():
        raise BonsaiError(f"--result is '{options.result}', where the picture will be; choose another file")
