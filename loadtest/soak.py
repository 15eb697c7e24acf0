"""Whether the service stays as it is under a long load: `python -m loadtest.soak` loads two workers with single texts
for minutes, at a share of what they can do; with --mixed, all routes, an experiment and some bad requests.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loadtest.ask.options import SEED, share, whole
from loadtest.errors import LoadTestError
from loadtest.measurement.conditions import surroundings
from loadtest.serving import mixing
from loadtest.serving.command import OWN_LIBRARIES
from loadtest.serving.keeping import keep, questions_of
from loadtest.serving.running import Setting
from loadtest.serving.soaking import markdown, soak
from loadtest.serving.telling import telling
from loadtest.serving.wrk import wrk_version

PUBLISHED = Path("loadtest/results/published")
LEAST_SLICES = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Load, keep and show; exit code 2 for what the user can repair."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.soak", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--variants", type=Path, default=Path("variants"), help="the folder of a finished build")
    parser.add_argument("--variant", default="nano", help="the variant that is asked")
    parser.add_argument("--minutes", type=whole, default=20, help="length of the load")
    parser.add_argument("--slice", type=whole, default=60, metavar="SECONDS", help="what is counted together")
    parser.add_argument("--share", type=share, default=0.7, help="of the rate that the service can do")
    parser.add_argument("--seed", type=int, default=SEED, help="order of the texts")
    parser.add_argument("--mixed", action="store_true", help="ask all routes, and send some bad requests")
    parser.add_argument("--other", default="teacher", help="the other arm of the experiment of --mixed")
    parser.add_argument("--out", type=Path, help=f"the file that keeps it (default: in {PUBLISHED})")
    given = parser.parse_args(arguments)
    out = given.out or PUBLISHED / ("mixed.json" if given.mixed else "soak.json")

    def measure() -> dict[str, Any]:
        if (count := given.minutes * 60 // given.slice) < LEAST_SLICES:
            raise LoadTestError(
                f"--slice is {given.slice} s of --minutes {given.minutes}; expected {LEAST_SLICES} slices or more: "
                "how memory grows shows from one to the next"
            )
        about = {**surroundings(OWN_LIBRARIES), "wrk": wrk_version(), "variant": given.variant}
        questions = questions_of(given.variants, given.variant, *([given.other] if given.mixed else []))
        setting = Setting(given.variants, given.variant, Path(sys.executable))
        with telling() as told:
            how = (questions, count, given.slice, given.share, given.seed, told)
            found = mixing.soak_mixed(setting, given.other, *how) if given.mixed else soak(setting, *how)
        return {**about, **found, **({"rows": mixing.rows(found)} if given.mixed else {})}

    return keep(out, measure, mixing.markdown if given.mixed else markdown)


if __name__ == "__main__":
    sys.exit(main())
