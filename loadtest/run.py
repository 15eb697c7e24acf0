"""Compare the variants of a running service: `python -m loadtest.run [--quick]` measures, then writes result.json, tables, pictures and a page."""

import argparse
import sys
import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import locust  # noqa: F401  # patches sockets and sleep for gevent before ours are imported

from loadtest.answer import DROPPED
from loadtest.arguments import plan_of, read_arguments, traffic_of
from loadtest.arrivals import Bursts
from loadtest.ceiling import USERS, ceiling
from loadtest.conclusion import conclusion
from loadtest.conditions import Disturbance, conditions, is_local
from loadtest.connection import Address
from loadtest.disturbed import with_repeats
from loadtest.errors import LoadTestError
from loadtest.files import allow_connections
from loadtest.generator import cautions
from loadtest.interruption import heed_ctrl_c, stop_on_signals
from loadtest.limit import given_limit
from loadtest.measure import Bench, generator_processes, remote_processes
from loadtest.open_loop import MOST_CONNECTIONS
from loadtest.pinning import pinned
from loadtest.progress import Status, progress
from loadtest.report import PAGE, draw
from loadtest.result import Result, everyone, new_run_folder, point_latest, write_result
from loadtest.scenarios import take
from loadtest.schedule import PAIRED, Plan, turns
from loadtest.summary import OFFLINE, SERVER, doubts, faults
from loadtest.target import Card, alive, choose, fetch_cards

INTERRUPTED = 130
CEILING_SECONDS = 2.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison; 0: every answer was right, 1: the run has failures, no answers or is incomplete, 2: it, or its generator, could not go on.

    An A/A control that failed is a warning and ends with 0: the answers were right, the machine was not quiet.
    """
    given = read_arguments(arguments)
    heed_ctrl_c()
    try:
        address = Address.parse(given.host)
        traffic = traffic_of(given)
        cards = choose(fetch_cards(address), given.variants, address)
        other = None if given.against is None else Address.parse(given.against)
        others = {} if other is None else _both(cards, other, named=given.variants is not None)
        cards = {name: card for name, card in cards.items() if other is None or name in others}
        questions = traffic.questions(list(cards))
        build = traffic.check_build(cards)
        Bursts.parse(given.bursts)
        plan = plan_of(given, cards)
        allow_connections(_connections(given, plan))
        result = _empty_result(given, plan, cards)
        result["conditions"] = {**conditions(address, traffic, questions, build, given.timeout), "price_per_core_hour": given.price}
        result["conditions"] |= {"bursts": given.bursts, "server_cores": given.server_cores}
        if other is not None:
            result["against"] = {"host": str(other), "variants": {name: _variant(card, plan) for name, card in others.items()}}
        if SERVER in plan.scenarios and given.p99_limit is not None:
            result["conditions"] |= given_limit(given.p99_limit)
        bench = Bench(address, traffic, stop_on_signals(), given.bursts, other)
        with ExitStack() as stack:
            status = stack.enter_context(progress("load test"))
            _generator(result, stack, bench, given, plan, status)
            folder = new_run_folder(given.out)  # not before: what could not start leaves none
            result["run"]["id"] = folder.name
            write_result(folder, result)
            repairable = _measure_all(result, folder, bench, plan, status)
        interrupted = bench.stop.is_set() and not result["run"]["complete"]
        table = draw(folder)
        point_latest(folder)
    except LoadTestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # before the first measurement
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    print(f"\n{table}\n{conclusion(result)}\n\n{folder / PAGE}")
    _complain(result)
    if interrupted:
        return INTERRUPTED
    if repairable:
        return 2
    return 1 if faults(result) else 0


def _generator(result: Result, stack: ExitStack, bench: Bench, given: argparse.Namespace, plan: Plan, status: Status) -> None:
    """Learn what the generator can do, and keep it and the server apart for as long as the stack is open."""
    known = result["conditions"]
    found = ceiling(bench.stop, status, min(CEILING_SECONDS, plan.seconds), given.processes) if given.ceiling and not given.remote_workers else None
    if given.pin and not given.remote_workers:
        others = [bench.against] if bench.against is not None and is_local(bench.against.host) else []
        known["generator"] = stack.enter_context(pinned(bench.address, *others, same_machine=known["same_machine"], generators=given.processes))
    else:
        known["generator"] = {"pinned": False, "why": "the generator is on other machines" if given.remote_workers else "--no-pin was given"}
    known["generator"] |= {"processes": given.remote_workers or given.processes, "ceiling": found and {key: found[key] for key in ("single", "closed", "open")}}
    if given.remote_workers:
        known["generator"]["remote"] = True
        stack.enter_context(remote_processes(bench, given.remote_workers, given.master_port))
    else:
        stack.enter_context(generator_processes(bench, given.processes))


def _measure_all(result: Result, folder: Path, bench: Bench, plan: Plan, status: Status) -> bool:
    """Take every turn into `result`, which is written after each, until all are taken, Ctrl-C comes, the service dies or a turn fails.

    Return True when what the user can repair ended it: the generator's own limits, or an option that is missing.
    """
    todo = turns(plan, list(result["variants"]), result["run"]["baseline"])
    disturbance, run, repairable = Disturbance(), result["run"], False
    addresses = [bench.address, *([bench.against] if bench.against is not None else [])]
    for done, turn in enumerate(with_repeats(todo, result)):
        status.say(str(turn), min(done, len(todo)), len(todo))
        try:
            answers = take(turn, bench, plan, result)
        except Exception as error:  # whatever ended it, what was measured before is kept
            repairable = isinstance(error, LoadTestError)
            if not repairable:
                traceback.print_exc()
            run["stopped"] = f"{turn} failed after {done} of {len(todo)} measurements ({str(error) or type(error).__name__})"
            break
        if bench.stop.is_set():
            run["stopped"] = f"it was interrupted after {done} of {len(todo)} measurements"
            break
        run["stopped"] = f"it ended after {done + 1} of {len(todo)} measurements"
        write_result(folder, result)
        if (not answers or _something_dropped(result)) and not all(alive(one) for one in addresses):
            run["stopped"] = f"the service stopped answering in {turn}, after {done + 1} of {len(todo)} measurements"
            break
    else:
        run |= {"complete": True, "stopped": ""}
    run["finished"] = _now()
    result["conditions"]["disturbance"] = disturbance.share()
    write_result(folder, result)
    return repairable


def _something_dropped(result: Result) -> bool:
    return any(DROPPED in variant["failures"] for variant in everyone(result).values())


def _both(cards: dict[str, Card], other: Address, *, named: bool) -> dict[str, Card]:
    """Return the other service's cards of the variants that both have, or of all that were named."""
    theirs = fetch_cards(other)
    if named:
        return choose(theirs, list(cards), other)
    if both := {name: theirs[name] for name in cards if name in theirs}:
        return both
    raise LoadTestError(f"the services have no variant in common; {other} has {', '.join(theirs)}")


def _connections(given: argparse.Namespace, plan: Plan) -> int:
    """Return how many connections a generator process has open at most."""
    offline = plan.offline_users if OFFLINE in plan.scenarios else 1
    opens = (given.ceiling and not given.remote_workers) or any(name not in PAIRED for name in plan.scenarios)
    return max(offline, USERS, MOST_CONNECTIONS if opens else 0)


def _complain(result: Result) -> None:
    for fault in faults(result):
        print(f"error: {fault}", file=sys.stderr)
    for doubt in doubts(result):
        print(f"warning: {doubt}", file=sys.stderr)
    for caution in cautions(result):
        print(f"note: {caution}", file=sys.stderr)
    for name, variant in everyone(result).items():
        for kind, examples in variant["failure_examples"].items():
            print(f"  {name}, {kind}: {examples[0]}", file=sys.stderr)


def _empty_result(given: argparse.Namespace, plan: Plan, cards: dict[str, Card]) -> Result:
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
        "variants": {name: _variant(card, plan) for name, card in cards.items()},
    }


def _variant(card: Card, plan: Plan) -> dict[str, Any]:
    return {
        "version": card["version"],
        "failures": {},
        "failure_examples": {},
        "batch_flips": 0,
        "card": card,
        "scenarios": {name: {"search": [], "rounds": [], "given_up": []} if name == SERVER else {"rounds": []} for name in plan.scenarios},
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


if __name__ == "__main__":
    sys.exit(main())
