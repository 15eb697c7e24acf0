"""All turns of a run, one after another, each written down before the next."""

import traceback
from pathlib import Path

from loadtest.ask.answer import DROPPED
from loadtest.errors import LoadTestError
from loadtest.measurement.bench import Bench
from loadtest.measurement.conditions import Watch
from loadtest.measurement.new_result import now
from loadtest.measurement.progress import Status
from loadtest.measurement.turns import turns, with_repeats
from loadtest.numbers.result import Result
from loadtest.numbers.run_folder import write_result
from loadtest.scenarios.plan import Plan, Turn
from loadtest.scenarios.registry import BY_NAME
from loadtest.users.target import alive


def take(turn: Turn, bench: Bench, plan: Plan, result: Result) -> int | None:
    """Measure a turn into the result and return how many right answers it got; None when it was cut short."""
    return BY_NAME[turn.scenario].take(turn, bench, plan, result)


def take_all(result: Result, folder: Path, bench: Bench, plan: Plan, status: Status) -> bool:
    """Take every turn into `result`, which is written after each, until all are taken, Ctrl-C comes, the service dies
    or a turn fails.

    Return True when what the user can repair ended it: the generator's own limits, or an option that is missing.
    """
    todo = turns(plan, list(result.variants), result.run.baseline)
    watch, run, repairable = Watch(), result.run, False
    addresses = [bench.address, *([bench.against] if bench.against is not None else [])]
    for done, turn in enumerate(with_repeats(todo, result)):
        status.say(str(turn), min(done, len(todo)), len(todo))
        try:
            answers = take(turn, bench, plan, result)
        except Exception as error:  # whatever ended it, what was measured before is kept
            repairable = isinstance(error, LoadTestError)
            if not repairable:
                traceback.print_exc()
            run.stopped = (
                f"{turn} failed after {done} of {len(todo)} measurements ({str(error) or type(error).__name__})"
            )
            break
        if bench.stop.is_set():
            run.stopped = f"it was interrupted after {done} of {len(todo)} measurements"
            break
        run.stopped = f"it ended after {done + 1} of {len(todo)} measurements"
        write_result(folder, result)
        if (not answers or _something_dropped(result)) and not all(alive(one) for one in addresses):
            run.stopped = f"the service stopped answering in {turn}, after {done + 1} of {len(todo)} measurements"
            break
    else:
        run.complete, run.stopped = True, ""
    run.finished = now()
    result.conditions.disturbance = watch.share()
    write_result(folder, result)
    return repairable


def _something_dropped(result: Result) -> bool:
    return any(DROPPED in variant.failures for variant in result.everyone().values())
