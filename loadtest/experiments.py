"""What an experiment costs its callers: `python -m loadtest.experiments` asks one variant on its own route and on POST
/predict, with split traffic and with shadows, in turn.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loadtest.ask.options import SEED, whole
from loadtest.measurement.conditions import surroundings
from loadtest.serving.command import OWN_LIBRARIES
from loadtest.serving.experimenting import markdown, measure
from loadtest.serving.keeping import keep, questions_of
from loadtest.serving.running import Setting
from loadtest.serving.telling import telling
from loadtest.serving.wrk import wrk_version

PUBLISHED = Path("loadtest/results/published/experiments.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Load, keep and show; exit code 2 for what the user can repair."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.experiments",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--variants", type=Path, default=Path("variants"), help="the folder of a finished build")
    parser.add_argument("--variant", default="nano", help="the variant that is asked")
    parser.add_argument("--other", default="teacher", help="the other arm, which also answers unseen")
    parser.add_argument("--rounds", type=whole, default=5, help="in each of which every case has its turn")
    parser.add_argument("--seconds", type=whole, default=4, help="length of a case over so many connections")
    parser.add_argument("--seed", type=int, default=SEED, help="order of the texts")
    parser.add_argument("--out", type=Path, default=PUBLISHED, help="the file that keeps it")
    given = parser.parse_args(arguments)

    def measure_all() -> dict[str, Any]:
        about = {**surroundings(OWN_LIBRARIES), "wrk": wrk_version(), "variant": given.variant, "other": given.other}
        questions = questions_of(given.variants, given.variant, given.other)
        setting = Setting(given.variants, given.variant, Path(sys.executable))
        with telling() as told:
            found = measure(setting, given.other, questions, given.rounds, given.seconds, given.seed, told)
        return {**about, "rounds": found}

    return keep(given.out, measure_all, markdown)


if __name__ == "__main__":
    sys.exit(main())
