"""The command line of `python -m loadtest.run`, and the plan that it makes."""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from loadtest.ask.options import SEED, TIMEOUT, add_traffic_options, port, positive, seconds, whole
from loadtest.ask.traffic import Traffic
from loadtest.errors import LoadTestError
from loadtest.numbers.cost import PRICE
from loadtest.scenarios.plan import Plan, quick_turn
from loadtest.scenarios.registry import BY_DEFAULT, BY_NAME, PAIRED, RANKING, SCENARIOS

ROUNDS, SECONDS, WARM_UP = 5, 3.0, 0.5


def read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.run",
        description="Compare the variants of a running service.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    scenarios = f"scenarios to measure (default: {', '.join(BY_DEFAULT)}; --quick: {RANKING.name})"
    what = parser.add_argument_group("what is measured")
    what.add_argument(
        "--host", default="http://localhost:3000", help="address of the service; also https, also with USER:PASSWORD@"
    )
    what.add_argument(
        "--against",
        metavar="HOST",
        default=None,
        help="another service to compare with: each variant is measured at both in turns; exit code 1 where one is "
        "slower at --host",
    )
    what.add_argument(
        "--variants", nargs="+", metavar="NAME", default=None, help="variants to compare (default: all that are served)"
    )
    what.add_argument("--scenarios", nargs="+", choices=BY_DEFAULT, default=None, help=scenarios)
    what.add_argument("--quick", action="store_true", help="end within 90 s: SingleStream only, shorter")
    what.add_argument(
        "--out", type=Path, default=Path("loadtest/results"), help="folder that takes the run's own folder"
    )
    add_traffic_options(parser.add_argument_group("what is asked"))
    how = parser.add_argument_group("how it is measured")
    how.add_argument("--rounds", type=whole, default=ROUNDS, help="how often each variant is measured")
    how.add_argument(
        "--seconds", type=seconds, default=SECONDS, help="length of one measurement (--quick chooses its own)"
    )
    how.add_argument(
        "--warm-up",
        type=seconds,
        default=WARM_UP,
        help="seconds before each measurement that do not count (--quick chooses its own)",
    )
    how.add_argument("--timeout", type=seconds, default=TIMEOUT, help="seconds after which an answer is late")
    how.add_argument("--seed", type=int, default=SEED, help="order of the texts, and arrivals")
    how.add_argument(
        "--no-control",
        dest="control",
        action="store_false",
        help="leave out the A/A control, the baseline measured twice",
    )
    for scenario in SCENARIOS:
        scenario.add_options(what, how)
    generator = parser.add_argument_group("generator")
    generator.add_argument(
        "--processes", type=whole, default=1, help="generator processes; from two on as Locust master and workers"
    )
    generator.add_argument(
        "--remote-workers",
        type=whole,
        default=0,
        help="wait for this many Locust workers of other machines, and let them send instead",
    )
    generator.add_argument("--master-port", type=port, default=5557, help="port at which --remote-workers find us")
    generator.add_argument(
        "--no-pin", dest="pin", action="store_false", help="do not keep generator and server on different cores"
    )
    generator.add_argument(
        "--no-ceiling", dest="ceiling", action="store_false", help="do not measure first what the generator can send"
    )
    cost = parser.add_argument_group("cost")
    cost.add_argument("--price", type=positive, default=PRICE, help="of a core-hour, in your currency")
    cost.add_argument(
        "--server-cores",
        type=whole,
        default=None,
        help="cores that are paid for (default: those that the server may use, on this machine)",
    )
    return parser.parse_args(arguments)


def plan_of(given: argparse.Namespace, variants: Iterable[str]) -> Plan:
    """Return what to measure, and how long."""
    paired = [scenario.name for scenario in PAIRED]
    names, chosen = (
        list(variants),
        given.scenarios or ([RANKING.name] if given.quick else paired if given.against else BY_DEFAULT),
    )
    scenarios = tuple(dict.fromkeys([*chosen, *(scenario.name for scenario in SCENARIOS if scenario.wanted(given))]))
    if given.against and (unpaired := [name for name in scenarios if name not in paired]):
        raise LoadTestError(
            f"{unpaired[0]} has no figure that rounds of two services pair; with --against expected "
            f"{' or '.join(paired)}"
        )
    if given.rate and not given.mix:
        raise LoadTestError("--rate is that of a mix; give its variants with --mix, like teacher=1,int8=3")
    for name in scenarios:
        BY_NAME[name].check(given, names)
    warm_up, length = given.warm_up, given.seconds
    if given.quick:
        warm_up, length = quick_turn(
            (len(names) * (2 if given.against else 1) + given.control) * len(scenarios), given.rounds
        )
    return Plan(
        scenarios=scenarios,
        rounds=given.rounds,
        warm_up=warm_up,
        seconds=length,
        timeout=given.timeout,
        seed=given.seed,
        control=given.control,
        against=given.against is not None,
        options=given,
    )


def traffic_of(given: argparse.Namespace) -> Traffic:
    """Return where the texts come from."""
    return Traffic(given.corpus, given.texts_file, given.lengths, not given.no_labels)
