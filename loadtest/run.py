"""Compare the variants of a running service: `python -m loadtest.run [--quick]` measures, then writes result.json, tables, pictures and a page."""

import argparse
import sys
import traceback
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import locust  # noqa: F401  # patches sockets and sleep for gevent before ours are imported
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from loadtest.answer import DROPPED
from loadtest.arguments import plan_of, read_arguments, traffic_of
from loadtest.arrivals import Bursts
from loadtest.ceiling import ceiling
from loadtest.conditions import Disturbance, conditions
from loadtest.connection import Address
from loadtest.errors import LoadTestError
from loadtest.generator import cautions
from loadtest.interruption import stop_on_signals
from loadtest.limit import ALLOWANCE_MS, livez_p50
from loadtest.measure import Bench, generator_processes, remote_processes
from loadtest.pinning import pinned
from loadtest.report import PAGE, draw
from loadtest.result import Result, new_run_folder, point_latest, write_result
from loadtest.scenarios import take
from loadtest.schedule import Plan, Turn, turns
from loadtest.summary import SERVER, doubts, faults
from loadtest.target import Card, alive, choose, fetch_cards

INTERRUPTED = 130
CEILING_SECONDS = 2.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison; 0: every answer was right, 1: the run has failures, no answers or is incomplete, 2: it could not start.

    An A/A control that failed is a warning and ends with 0: the answers were right, the machine was not quiet.
    """
    given = read_arguments(arguments)
    try:
        address = Address.parse(given.host)
        traffic = traffic_of(given)
        cards = choose(fetch_cards(address), given.variants, address)
        questions = traffic.questions(list(cards))
        Bursts.parse(given.bursts)
        plan = plan_of(given, cards)
        p99_limit = _limit(address, plan, given.p99_limit)
        result = _empty_result(given, plan, cards, p99_limit)
        result["conditions"] = {**conditions(address, traffic, questions, given.timeout), **p99_limit, "price_per_core_hour": given.price}
        result["conditions"] |= {"bursts": given.bursts, "server_cores": given.server_cores}
        bench = Bench(address, traffic, stop_on_signals(), given.bursts)
        with ExitStack() as stack:
            _generator(result, stack, bench, given, plan)
            folder = new_run_folder(given.out)  # not before: what could not start leaves none
            result["run"]["id"] = folder.name
            write_result(folder, result)
            _measure_all(result, folder, bench, plan)
        interrupted = bench.stop.is_set() and not result["run"]["complete"]
        table = draw(folder)
        point_latest(folder)
    except LoadTestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"\n{table}\n{folder / PAGE}")
    _complain(result)
    if interrupted:
        return INTERRUPTED
    return 1 if faults(result) else 0


def _generator(result: Result, stack: ExitStack, bench: Bench, given: argparse.Namespace, plan: Plan) -> None:
    """Learn what the generator can do, and keep it and the server apart for as long as the stack is open."""
    known = result["conditions"]
    found = ceiling(bench.stop, min(CEILING_SECONDS, plan.seconds), given.processes) if given.ceiling and not given.remote_workers else None
    if given.pin and not given.remote_workers:
        known["generator"] = stack.enter_context(pinned(bench.address, same_machine=known["same_machine"], generators=given.processes))
    else:
        known["generator"] = {"pinned": False, "why": "the generator is on other machines" if given.remote_workers else "--no-pin was given"}
    known["generator"] |= {"processes": given.remote_workers or given.processes, "ceiling": found and {key: found[key] for key in ("single", "closed", "open")}}
    if given.remote_workers:
        known["generator"]["remote"] = True
        stack.enter_context(remote_processes(bench, given.remote_workers, given.master_port))
    else:
        stack.enter_context(generator_processes(bench, given.processes))


def _measure_all(result: Result, folder: Path, bench: Bench, plan: Plan) -> None:
    """Take every turn into `result`, which is written after each, until all are taken, Ctrl-C comes, the service dies or a turn fails."""
    todo = turns(plan, list(result["variants"]), result["run"]["baseline"])
    disturbance, run = Disturbance(), result["run"]
    for done, turn in enumerate(_with_bar(todo)):
        try:
            answers = take(turn, bench, plan, result)
        except Exception as error:  # whatever ended it, what was measured before is kept
            if not isinstance(error, LoadTestError):
                traceback.print_exc()
            run["stopped"] = f"{turn} failed after {done} of {len(todo)} measurements ({str(error) or type(error).__name__})"
            break
        if bench.stop.is_set():
            run["stopped"] = f"it was interrupted after {done} of {len(todo)} measurements"
            break
        run["stopped"] = f"it ended after {done + 1} of {len(todo)} measurements"
        write_result(folder, result)
        if (not answers or _something_dropped(result)) and not alive(bench.address):
            run["stopped"] = f"the service stopped answering in {turn}, after {done + 1} of {len(todo)} measurements"
            break
    else:
        run |= {"complete": True, "stopped": ""}
    run["finished"] = _now()
    result["conditions"]["disturbance"] = disturbance.share()
    write_result(folder, result)


def _with_bar(todo: list[Turn]) -> Iterable[Turn]:
    """Draw a bar between measurements only: one that refreshes itself takes milliseconds of the generator's one core ten times a second."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, auto_refresh=False, transient=True) as progress:
        bar = progress.add_task("load test", total=len(todo))
        for done, turn in enumerate(todo):
            progress.update(bar, completed=done, description=str(turn), refresh=True)
            yield turn


def _something_dropped(result: Result) -> bool:
    return any(DROPPED in variant["failures"] for variant in result["variants"].values())


def _limit(address: Address, plan: Plan, given: float | None) -> dict[str, float]:
    if SERVER not in plan.scenarios:
        return {}
    if given is not None:
        return {"limit_ms": given}
    livez = livez_p50(address, plan.timeout)
    return {"livez_p50_ms": round(livez, 3), "limit_ms": round(livez + ALLOWANCE_MS, 3)}


def _complain(result: Result) -> None:
    for fault in faults(result):
        print(f"error: {fault}", file=sys.stderr)
    for doubt in doubts(result):
        print(f"warning: {doubt}", file=sys.stderr)
    for caution in cautions(result):
        print(f"note: {caution}", file=sys.stderr)
    for name, variant in result["variants"].items():
        for kind, examples in variant["failure_examples"].items():
            print(f"  {name}, {kind}: {examples[0]}", file=sys.stderr)


def _empty_result(given: argparse.Namespace, plan: Plan, cards: dict[str, Card], p99_limit: dict[str, float]) -> Result:
    teachers = [name for name, card in cards.items() if card.get("kind") == "teacher"]
    baseline = teachers[0] if teachers else next(iter(cards))
    return {
        "run": {
            "id": "",
            "started": _now(),
            "finished": None,
            "complete": False,
            "stopped": "it ended before the first measurement",
            "quick": given.quick,
            "rounds": plan.rounds,
            "warm_up": round(plan.warm_up, 3),
            "seconds": round(plan.seconds, 3),
            "seed": plan.seed,
            "baseline": baseline,
            "scenarios": list(plan.scenarios),
            "offline": {"users": plan.offline_users, "texts": plan.offline_texts},
            **({"control": {"variant": baseline, "rounds": []}} if plan.control else {}),
            **({"mix": plan.mix} if plan.mix else {}),
        },
        "conditions": {},
        "variants": {
            name: {
                "version": card["version"],
                "failures": {},
                "failure_examples": {},
                "batch_flips": 0,
                "card": card,
                "scenarios": {scenario: _nothing_yet(scenario, p99_limit) for scenario in plan.scenarios},
            }
            for name, card in cards.items()
        },
    }


def _nothing_yet(scenario: str, p99_limit: dict[str, float]) -> dict[str, Any]:
    return {"limit_ms": p99_limit["limit_ms"], "search": [], "rounds": [], "given_up": []} if scenario == SERVER else {"rounds": []}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


if __name__ == "__main__":
    sys.exit(main())
