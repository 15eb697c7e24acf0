"""Whether the service stays as it is under a long load: `python -m loadtest.soak` loads two workers with single texts
for minutes, at a share of what they can do; with --mixed, all routes, an experiment and some bad requests.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from loadtest.ask.corpus import check_expected, read_corpus
from loadtest.ask.options import SEED, whole
from loadtest.errors import LoadTestError
from loadtest.measurement.conditions import surroundings
from loadtest.numbers.run_folder import write_json
from loadtest.serving import mixing
from loadtest.serving.command import OWN_LIBRARIES
from loadtest.serving.running import NotStartedError, Setting
from loadtest.serving.soaking import markdown, soak
from loadtest.serving.telling import telling
from loadtest.serving.wrk import NoLoadError, wrk_version

PUBLISHED = Path("loadtest/results/published")


def main(arguments: Sequence[str] | None = None) -> int:
    """Load, keep and show; exit code 2 for what the user can repair."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.soak", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--variants", type=Path, default=Path("variants"), help="the folder of a finished build")
    parser.add_argument("--variant", default="nano", help="the variant that is asked")
    parser.add_argument("--minutes", type=whole, default=20, help="length of the load")
    parser.add_argument("--slice", type=whole, default=60, metavar="SECONDS", help="what is counted together")
    parser.add_argument("--share", type=float, default=0.7, help="of the rate that the service can do")
    parser.add_argument("--seed", type=int, default=SEED, help="order of the texts")
    parser.add_argument("--mixed", action="store_true", help="ask all routes, and send some bad requests")
    parser.add_argument("--other", default="teacher", help="the other arm of the experiment of --mixed")
    parser.add_argument("--out", type=Path, help=f"the file that keeps it (default: in {PUBLISHED})")
    given = parser.parse_args(arguments)
    try:
        about = {**surroundings(OWN_LIBRARIES), "wrk": wrk_version(), "variant": given.variant}
        corpus = given.variants / "corpus.jsonl"
        questions = read_corpus(corpus)
        check_expected(questions, [given.variant, *([given.other] if given.mixed else [])], corpus)
        setting = Setting(given.variants, given.variant, Path(sys.executable))
        with telling() as told:
            count = max(1, given.minutes * 60 // given.slice)
            how = (questions, count, given.slice, given.share, given.seed, told)
            found = mixing.soak_mixed(setting, given.other, *how) if given.mixed else soak(setting, *how)
    except (LoadTestError, NotStartedError, NoLoadError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    rows = {"rows": mixing.rows(found)} if given.mixed else {}
    write_json(given.out or PUBLISHED / ("mixed.json" if given.mixed else "soak.json"), {**about, **found, **rows})
    print(mixing.markdown(found) if given.mixed else markdown(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
