"""Compare the service with its peers: `python -m loadtest.serving [--variants DIR] [--variant NAME] [--rounds N]`."""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from loadtest.ask.build import check_build
from loadtest.ask.corpus import Question
from loadtest.ask.options import SEED, whole
from loadtest.errors import LoadTestError
from loadtest.measurement.conditions import fingerprint, surroundings
from loadtest.numbers.files import check_place
from loadtest.serving import points, servers
from loadtest.serving.keeping import CORPUS, heed_signals, questions_of
from loadtest.serving.measuring import take_rounds
from loadtest.serving.result import Conditions, Options, Result, Texts
from loadtest.serving.running import Setting
from loadtest.serving.table import markdown
from loadtest.serving.telling import telling
from loadtest.serving.wrk import wrk_version

PUBLISHED = Path("loadtest/results/published/serving.json")
ROUNDS, SECONDS, WARM_UP = 5, 3, 1
SAME = ("onnxruntime", "tokenizers", "numpy")  # in both environments: they do the work that all servers share
OWN_LIBRARIES = (*SAME, "bentoml", "uvicorn", "uvloop", "httptools", "pydantic", "psutil")
PEERS_LIBRARIES = (*SAME, "fastapi", "uvicorn", "uvloop", "httptools", "pydantic", "litserve", "mosec")
VERSIONS = """
import json, sys
from importlib.metadata import version
print(json.dumps({name: version(name) for name in sys.argv[1:]}))
"""


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.serving",
        description="Compare the service with its peers, by wrk, around one variant.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--variants", type=Path, default=Path("variants"), help="the folder of a finished build")
    parser.add_argument("--variant", default="nano", help="the variant that every server serves")
    parser.add_argument(
        "--servers", nargs="+", metavar="NAME", default=[*servers.SERVERS, servers.IN_PROCESS], help="some servers only"
    )
    parser.add_argument("--points", nargs="+", metavar="NAME", default=list(points.POINTS), help="some points only")
    parser.add_argument("--rounds", type=whole, default=ROUNDS, help="how often every server has its turn")
    parser.add_argument("--seconds", type=whole, default=SECONDS, help="length of one measurement, in whole seconds")
    parser.add_argument(
        "--warm-up",
        type=int,
        choices=range(61),
        metavar="SECONDS",
        default=WARM_UP,
        help="load before each group of points",
    )
    parser.add_argument("--seed", type=int, default=SEED, help="order of the texts")
    parser.add_argument(
        "--peers-python",
        type=Path,
        default=Path(".venv-peers/bin/python"),
        help="Python of an environment with loadtest/peers/requirements.txt",
    )
    parser.add_argument("--out", type=Path, default=PUBLISHED, help="the file that keeps it")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, keep and show; exit code 2 for what the user can repair, 130 when interrupted."""
    given = parse(arguments)
    heed_signals()
    try:
        result, questions = prepare(given)
        setting = Setting(given.variants, given.variant, given.peers_python.absolute())
        with telling() as told:
            take_rounds(result, given.out, setting, questions, told)
    except LoadTestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"interrupted; '{given.out}' has the rounds that were finished, if any", file=sys.stderr)
        return 130
    print(markdown(result))
    print(json.dumps({"result": str(given.out), "rounds": len(result.rounds), "left_out": result.left_out}))
    return 0


def prepare(given: argparse.Namespace) -> tuple[Result, Sequence[Question]]:
    """Return a result without rounds and what will be asked, or say what is missing (LoadTestError)."""
    check_place(given.out)
    wrk, chosen = wrk_version(), servers.choose(given.servers)
    points.choose(given.points)
    questions = questions_of(given.variants, given.variant)
    build = check_build(given.variants / CORPUS, {})
    about = surroundings(OWN_LIBRARIES)
    apart = any(server.apart for server in chosen.values())
    peers = peers_versions(given.peers_python, about["libraries"]) if apart else {}
    conditions = Conditions(
        **about,
        wrk=wrk,
        peers=peers,
        corpus=Texts(texts=len(questions), sha256=fingerprint(questions), build=build),
    )
    options = Options.model_validate({name: getattr(given, name) for name in Options.model_fields})
    return Result(conditions=conditions, options=options), questions


def peers_versions(python: Path, own: dict[str, str]) -> dict[str, str]:
    """Return the versions of the peers' environment (LoadTestError where it is missing, or does other work)."""
    help_ = "'make bench-serving' makes it, or name another with --peers-python"
    try:
        done = subprocess.run(
            [str(python), "-c", VERSIONS, *PEERS_LIBRARIES], capture_output=True, text=True, check=True, timeout=60
        )
        found: dict[str, str] = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise LoadTestError(
            f"'{python}' is no Python of the peers' environment ({type(error).__name__}); {help_}"
        ) from error
    for name in SAME:
        if found[name] != own[name]:
            raise LoadTestError(f"'{python}' has {name} {found[name]}, and this environment {own[name]}; {help_}")
    return found
