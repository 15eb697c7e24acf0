"""Compare the variants of a running service: `python -m loadtest.run [--quick]` measures, then writes result.json, a table, a picture and a page."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import locust  # noqa: F401  # patches sockets and sleep for gevent before ours are imported
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from loadtest.answer import DROPPED
from loadtest.conditions import Disturbance, conditions
from loadtest.connection import Address
from loadtest.corpus import check_expected, read_corpus
from loadtest.errors import LoadTestError
from loadtest.interruption import stop_on_signals
from loadtest.measure import Load, measure
from loadtest.options import CORPUS, SEED, TIMEOUT
from loadtest.report import PAGE, draw
from loadtest.result import Result, new_run_folder, point_latest, total_failures, write_result
from loadtest.schedule import quick_turn, rotated
from loadtest.summary import SINGLE_STREAM, warnings
from loadtest.target import Card, alive, choose, fetch_cards

ROUNDS, SECONDS, WARM_UP = 5, 10.0, 2.0
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison; 0: every answer was right, 1: the run has failures or is incomplete, 2: it could not start."""
    given = _parse(arguments)
    try:
        address = Address.parse(given.host)
        corpus = read_corpus(given.corpus)
        cards = choose(fetch_cards(address), given.variants, address)
        check_expected(corpus, cards, given.corpus)
        folder = new_run_folder(given.out)
        load = _load(given, len(cards))
        result = _empty_result(given, load, cards, folder)
        result["conditions"] = conditions(address, given.corpus, len(corpus), given.timeout)
        interrupted = _measure_all(result, folder, address, cards, load, given)
        table = draw(folder)
        point_latest(folder)
    except LoadTestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"\n{table}\n{folder / PAGE}")
    for warning in warnings(result):
        print(f"error: {warning}", file=sys.stderr)
    for name, variant in result["variants"].items():
        for kind, examples in variant["failure_examples"].items():
            print(f"  {name}, {kind}: {examples[0]}", file=sys.stderr)
    if interrupted:
        return INTERRUPTED
    return 1 if total_failures(result) or not result["run"]["complete"] else 0


def _measure_all(result: Result, folder: Path, address: Address, cards: dict[str, Card], load: Load, given: argparse.Namespace) -> bool:
    """Measure every variant in every round into `result`, which is written after each; return whether Ctrl-C ended it."""
    turns = [(number, place, name) for number, order in enumerate(rotated(list(cards), given.rounds), 1) for place, name in enumerate(order, 1)]
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    disturbance, stop = Disturbance(), stop_on_signals()
    # Drawn between measurements only: a bar that refreshes itself takes milliseconds of the generator's one core ten times a second.
    with Progress(*columns, console=console, disable=not console.is_terminal, auto_refresh=False, transient=True) as progress:
        bar = progress.add_task("load test", total=len(turns))
        for done, (number, place, name) in enumerate(turns):
            progress.update(bar, completed=done, description=f"round {number}, {name}", refresh=True)
            seed = f"{given.seed}.{number}"
            measured = measure(address, name, cards[name]["version"], load, corpus=str(given.corpus), timeout=given.timeout, seed=seed, stop=stop)
            if measured is None:
                result["run"]["stopped"] = f"it was interrupted after {done} of {len(turns)} measurements"
                break
            _keep(result["variants"][name], {"round": number, "place": place, **measured})
            result["run"]["stopped"] = f"it ended after {done + 1} of {len(turns)} measurements"
            write_result(folder, result)
            if DROPPED in measured["failures"] and not alive(address):
                result["run"]["stopped"] = f"the service stopped answering in round {number}, at {name}, after {done + 1} of {len(turns)} measurements"
                break
        else:
            result["run"] |= {"complete": True, "stopped": ""}
    result["run"]["finished"] = _now()
    result["conditions"]["disturbance"] = disturbance.share()
    write_result(folder, result)
    return stop.is_set() and not result["run"]["complete"]


def _keep(variant: dict[str, Any], measured: dict[str, Any]) -> None:
    examples = measured.pop("failure_examples")
    variant["scenarios"][SINGLE_STREAM]["rounds"].append(measured)
    variant["batch_flips"] += measured["batch_flips"]
    for kind, count in measured["failures"].items():
        variant["failures"][kind] = variant["failures"].get(kind, 0) + count
        variant["failure_examples"].setdefault(kind, examples[kind])


def _empty_result(given: argparse.Namespace, load: Load, cards: dict[str, Card], folder: Path) -> Result:
    teachers = [name for name, card in cards.items() if card.get("kind") == "teacher"]
    return {
        "run": {
            "id": folder.name,
            "started": _now(),
            "finished": None,
            "complete": False,
            "stopped": "it ended before the first measurement",
            "quick": given.quick,
            "rounds": given.rounds,
            "warm_up": round(load.warm_up, 3),
            "seconds": round(load.seconds, 3),
            "seed": given.seed,
            "baseline": teachers[0] if teachers else next(iter(cards)),
        },
        "conditions": {},
        "variants": {
            name: {
                "version": card["version"],
                "failures": {},
                "failure_examples": {},
                "batch_flips": 0,
                "card": card,
                "scenarios": {SINGLE_STREAM: {"rounds": []}},
            }
            for name, card in cards.items()
        },
    }


def _load(given: argparse.Namespace, variants: int) -> Load:
    if given.quick:
        warm_up, seconds = quick_turn(variants, given.rounds)
        return Load(users=1, texts=1, warm_up=warm_up, seconds=seconds)
    return Load(users=1, texts=1, warm_up=given.warm_up, seconds=given.seconds)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.run", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--host", default="http://localhost:3000", help="address of the service")
    parser.add_argument("--corpus", type=Path, default=Path(CORPUS), help="test texts with each variant's expected label")
    parser.add_argument("--variants", nargs="+", metavar="NAME", default=None, help="variants to compare (default: all that are served)")
    parser.add_argument("--quick", action="store_true", help="end within 90 s")
    parser.add_argument("--rounds", type=_whole, default=ROUNDS, help="how often each variant is measured")
    parser.add_argument("--seconds", type=_positive, default=SECONDS, help="length of one measurement (--quick chooses its own)")
    parser.add_argument("--warm-up", type=_positive, default=WARM_UP, help="seconds before each measurement that do not count (--quick chooses its own)")
    parser.add_argument("--timeout", type=_positive, default=TIMEOUT, help="seconds after which an answer is late")
    parser.add_argument("--seed", type=int, default=SEED, help="order of the texts")
    parser.add_argument("--out", type=Path, default=Path("loadtest/results"), help="folder that takes the run's own folder")
    return parser.parse_args(arguments)


def _whole(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 1000, got {text}")
    return value


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value <= 600:
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0 and up to 600, got {text}")
    return value


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


if __name__ == "__main__":
    sys.exit(main())
