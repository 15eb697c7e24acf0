"""Classify the rows of a file: `python -m models.predict VARIANT IN OUT [--out-of DIR] [--text-column NAME] [--engine
ray]`, and more in its --help.
"""

import argparse
import signal
import sys
from functools import partial
from math import ceil
from pathlib import Path

from models.predict.formats import ACCEPTED
from models.predict.local import on_cores
from models.predict.run import Engine, Options, predict
from models.runtime.cores import cores
from models.runtime.errors import BonsaiError
from models.runtime.progress import console

OUT = Path("variants")
EXTRAS = {"pyarrow": "reading or writing Parquet", "ray": "--engine ray"}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line (BonsaiError where a number is unusable)."""
    parser = argparse.ArgumentParser(
        prog="python -m models.predict",
        description=(
            "Classify the texts of a file: all its columns are kept, and label, score, variant and version added. An "
            "interrupted run goes on when the same command is given again."
        ),
    )
    parser.add_argument("variant", metavar="VARIANT", help="a variant of the build, or the folder of one")
    parser.add_argument("source", metavar="IN", type=Path, help=f"rows with a text each: {ACCEPTED}")
    parser.add_argument("target", metavar="OUT", type=Path, help="where they go, in any of these formats")
    parser.add_argument(
        "--out-of", type=Path, default=OUT, metavar="DIR", help="the build's folder (default: variants)"
    )
    parser.add_argument(
        "--text-column", metavar="NAME", help="the column that holds the texts, where it has none of the usual names"
    )
    parser.add_argument("--prefix", default="", help="what the names of the new columns begin with")
    parser.add_argument(
        "--top-k", type=int, default=1, metavar="N", help="so many labels, most likely first (default: 1)"
    )
    parser.add_argument(
        "--skip-unusable",
        action="store_true",
        help="leave out rows without a text, and say how many, instead of ending",
    )
    parser.add_argument("--force", action="store_true", help="replace OUT where it is there already")
    parser.add_argument(
        "--processes", type=int, metavar="N", help="how many classify at a time, one thread each (default: one a core)"
    )
    parser.add_argument(
        "--engine", choices=("local", "ray"), default="local", help="ray: over the cluster that RAY_ADDRESS names"
    )
    options = parser.parse_args(arguments)
    if options.text_column == "":
        raise BonsaiError("--text-column is empty; expected the name of a column, or no such option")
    if options.processes is not None and options.processes < 1:
        raise BonsaiError(f"--processes is {options.processes}; expected at least 1")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run one batch; exit code 2 for what the user can repair, 130 after Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        given = parse(arguments)
        options = Options(given.out_of, given.text_column, given.prefix, given.top_k, given.skip_unusable, given.force)
        place = predict(given.variant, given.source, given.target, options, _engine(given.engine, given.processes))
    except BonsaiError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if (missing := (error.name or "").split(".")[0]) not in EXTRAS:
            raise
        print(
            f"error: {EXTRAS[missing]} needs {missing}, which is not installed; run pip install {missing}",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        print("interrupted; what is done is kept, run the same command to go on", file=sys.stderr)
        return 130
    if place.unusable:
        console.print(
            f"{place.unusable:,} rows could not be used and are left out, the first at {place.first}",
            markup=False,
            soft_wrap=True,
        )
    console.print(f"{given.target}: {place.rows:,} rows", markup=False, soft_wrap=True)
    return 0


def _engine(name: str, processes: int | None) -> Engine:
    if name == "local":
        return partial(on_cores, processes=processes or max(1, ceil(cores())))
    from models.predict.over_ray import over_ray

    return partial(over_ray, processes=processes)
