"""Compare the variants of a running service: `python -m loadtest.run [--quick]` measures, then writes result.json,
tables, pictures and a page.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack

import locust  # noqa: F401  # patches sockets and sleep for gevent before ours are imported

from loadtest.arguments import plan_of, read_arguments, traffic_of
from loadtest.ask.arrivals import Bursts
from loadtest.checks.ceiling import CONNECTIONS, ceiling
from loadtest.errors import LoadTestError
from loadtest.figures.change import is_slower
from loadtest.figures.comparison import Comparison
from loadtest.figures.conclusion import conclusion
from loadtest.measurement.all_turns import take_all
from loadtest.measurement.bench import Bench, generator_processes, remote_processes
from loadtest.measurement.conditions import conditions, is_local
from loadtest.measurement.interruption import heed_ctrl_c, stop_on_signals
from loadtest.measurement.new_result import new_against, new_result
from loadtest.measurement.open_files import allow_connections
from loadtest.measurement.pinning import pinned
from loadtest.measurement.progress import Status, progress
from loadtest.numbers.result import Card, Placement, Result
from loadtest.numbers.run_folder import new_run_folder, point_latest, write_result
from loadtest.scenarios.plan import Plan
from loadtest.scenarios.registry import BY_NAME
from loadtest.show.report import PAGE, draw
from loadtest.users.address import Address
from loadtest.users.target import choose, fetch_cards, versions

INTERRUPTED = 130
CEILING_SECONDS = 2.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison; 0: every answer was right, 1: the run has failures, no answers or is incomplete, or a variant
    is slower than --against, 2: it, or its generator, could not go on.

    An A/A control that failed is a warning and ends with 0: the answers were right, the machine was not quiet. Nothing
    is called slower by such a run.
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
        build = traffic.check_build(versions(cards))
        Bursts.parse(given.bursts)
        plan = plan_of(given, cards)
        allow_connections(_connections(given, plan))
        told = {key: value for name in plan.scenarios for key, value in BY_NAME[name].conditions(given).items()}
        told |= {"price_per_core_hour": given.price, "bursts": given.bursts, "server_cores": given.server_cores}
        result = new_result(
            plan, conditions(address, traffic, questions, build, given.timeout, **told), cards, quick=given.quick
        )
        if other is not None:
            result.against = new_against(plan, str(other), others)
        bench = Bench(address, traffic, stop_on_signals(), given.bursts, other)
        with ExitStack() as stack:
            status = stack.enter_context(progress("load test"))
            _generator(result, stack, bench, given, plan, status)
            folder = new_run_folder(given.out)  # not before: what could not start leaves none
            result.run.id = folder.name
            write_result(folder, result)
            repairable = take_all(result, folder, bench, plan, status)
        interrupted = bench.stop.is_set() and not result.run.complete
        table = draw(folder)
    except LoadTestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # before the first measurement
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    comparison = Comparison(result)
    print(f"\n{table}\n{conclusion(comparison)}\n\n{folder / PAGE}")
    try:
        point_latest(folder)
    except LoadTestError as error:  # the run itself is there
        print(f"warning: {error}", file=sys.stderr)
    _complain(comparison)
    if interrupted:
        return INTERRUPTED
    if repairable:
        return 2
    return 1 if comparison.faults or is_slower(comparison.services) else 0


def _generator(
    result: Result, stack: ExitStack, bench: Bench, given: argparse.Namespace, plan: Plan, status: Status
) -> None:
    """Learn what the generator can do, and keep it and the server apart for as long as the stack is open."""
    found = (
        ceiling(bench.stop, status, min(CEILING_SECONDS, plan.seconds), given.processes)
        if given.ceiling and not given.remote_workers
        else None
    )
    if given.pin and not given.remote_workers:
        others = [bench.against] if bench.against is not None and is_local(bench.against.host) else []
        placement = stack.enter_context(
            pinned(bench.address, *others, same_machine=result.conditions.same_machine, generators=given.processes)
        )
    else:
        placement = Placement(
            why="the generator is on other machines" if given.remote_workers else "--no-pin was given"
        )
    placement.processes, placement.remote = given.remote_workers or given.processes, bool(given.remote_workers)
    placement.ceiling = found.rates if found else None
    result.conditions.generator = placement
    if given.remote_workers:
        stack.enter_context(remote_processes(bench, given.remote_workers, given.master_port))
    else:
        stack.enter_context(generator_processes(bench, given.processes))


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
    measures_ceiling = given.ceiling and not given.remote_workers
    return max([*(BY_NAME[name].connections(given) for name in plan.scenarios), CONNECTIONS if measures_ceiling else 1])


def _complain(comparison: Comparison) -> None:
    for fault in comparison.faults:
        print(f"error: {fault}", file=sys.stderr)
    for doubt in comparison.doubts:
        print(f"warning: {doubt}", file=sys.stderr)
    for caution in comparison.cautions:
        print(f"note: {caution}", file=sys.stderr)
    for name, variant in comparison.result.everyone().items():
        for kind, examples in variant.failure_examples.items():
            print(f"  {name}, {kind}: {examples[0]}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
