"""The command line of `python -m loadtest.run`, and the plan that it makes."""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from loadtest.cost import PRICE
from loadtest.errors import LoadTestError
from loadtest.limit import TIMES
from loadtest.options import SEED, TIMEOUT, add_traffic_options
from loadtest.schedule import ALL, PAIRED, Plan, quick_turn
from loadtest.summary import MIX, SINGLE_STREAM
from loadtest.traffic import Traffic, mix

ROUNDS, SECONDS, WARM_UP = 5, 3.0, 0.5


def read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.run",
        description="Compare the variants of a running service.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    what = parser.add_argument_group("what is measured")
    what.add_argument("--host", default="http://localhost:3000", help="address of the service; also https, also with USER:PASSWORD@")
    what.add_argument("--against", metavar="HOST", default=None, help="another service to compare with: each variant is measured at both in turns")
    what.add_argument("--variants", nargs="+", metavar="NAME", default=None, help="variants to compare (default: all that are served)")
    what.add_argument("--scenarios", nargs="+", choices=ALL, default=None, help=f"scenarios to measure (default: {', '.join(ALL)}; --quick: {SINGLE_STREAM})")
    what.add_argument("--quick", action="store_true", help="end within 90 s: SingleStream only, shorter")
    what.add_argument("--mix", type=_mix, default={}, help="measure variants under a common load too, by weight, like teacher=1,int8=3; needs --rate")
    what.add_argument("--rate", type=_positive_rate, default=0.0, help="requests a second of the mix")
    what.add_argument("--out", type=Path, default=Path("loadtest/results"), help="folder that takes the run's own folder")
    add_traffic_options(parser.add_argument_group("what is asked"))  # type: ignore[arg-type]
    how = parser.add_argument_group("how it is measured")
    how.add_argument("--rounds", type=_whole, default=ROUNDS, help="how often each variant is measured")
    how.add_argument("--seconds", type=_seconds, default=SECONDS, help="length of one measurement (--quick chooses its own)")
    how.add_argument("--warm-up", type=_seconds, default=WARM_UP, help="seconds before each measurement that do not count (--quick chooses its own)")
    how.add_argument("--timeout", type=_seconds, default=TIMEOUT, help="seconds after which an answer is late")
    how.add_argument(
        "--p99-limit",
        type=_milliseconds,
        metavar="MS",
        default=None,
        help=f"Server's limit in ms (default: {TIMES} times the baseline's p99 of SingleStream, rounded)",
    )
    how.add_argument("--offline-texts", type=_whole, default=256, help="texts in one request of Offline")
    how.add_argument("--offline-users", type=_whole, default=2, help="requests of Offline at the same time")
    how.add_argument("--seed", type=int, default=SEED, help="order of the texts, and arrivals")
    how.add_argument("--no-control", dest="control", action="store_false", help="leave out the A/A control, the baseline measured twice")
    generator = parser.add_argument_group("generator")
    generator.add_argument("--processes", type=_whole, default=1, help="generator processes; from two on as Locust master and workers")
    generator.add_argument("--remote-workers", type=_whole, default=0, help="wait for this many Locust workers of other machines, and let them send instead")
    generator.add_argument("--master-port", type=int, default=5557, help="port at which --remote-workers find us")
    generator.add_argument("--no-pin", dest="pin", action="store_false", help="do not keep generator and server on different cores")
    generator.add_argument("--no-ceiling", dest="ceiling", action="store_false", help="do not measure first what the generator can send")
    cost = parser.add_argument_group("cost")
    cost.add_argument("--price", type=_positive_rate, default=PRICE, help="of a core-hour, in your currency")
    cost.add_argument("--server-cores", type=_whole, default=None, help="cores that are paid for (default: those that the server may use, on this machine)")
    return parser.parse_args(arguments)


def plan_of(given: argparse.Namespace, variants: Iterable[str]) -> Plan:
    """Return what to measure, and how long."""
    scenarios = tuple(dict.fromkeys(given.scenarios or ((SINGLE_STREAM,) if given.quick else PAIRED if given.against else ALL)))
    names = list(variants)
    if given.against and (unpaired := [*(name for name in scenarios if name not in PAIRED), *([MIX] if given.mix else [])]):
        raise LoadTestError(f"{unpaired[0]} has no figure that rounds of two services pair; with --against expected {' or '.join(PAIRED)}")
    if given.mix:
        if unknown := [name for name in given.mix if name not in names]:
            raise LoadTestError(f"the mix names '{unknown[0]}', which is not measured; expected some of {', '.join(names)}")
        if not given.rate:
            raise LoadTestError("a mix has no rate of its own; give its requests a second with --rate")
        scenarios = (*scenarios, MIX)
    warm_up, seconds = given.warm_up, given.seconds
    if given.quick:
        warm_up, seconds = quick_turn((len(names) * (2 if given.against else 1) + given.control) * len(scenarios), given.rounds)
    return Plan(
        scenarios=scenarios,
        rounds=given.rounds,
        warm_up=warm_up,
        seconds=seconds,
        timeout=given.timeout,
        seed=given.seed,
        offline_texts=given.offline_texts,
        offline_users=given.offline_users,
        control=given.control,
        mix=given.mix,
        rate=given.rate,
        p99_limit=given.p99_limit,
        against=given.against is not None,
    )


def traffic_of(given: argparse.Namespace) -> Traffic:
    """Return where the texts come from."""
    return Traffic(given.corpus, given.texts_file, given.lengths, not given.no_labels)


def _mix(text: str) -> dict[str, float]:
    try:
        return mix(text)
    except LoadTestError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _whole(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 4096:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 4096, got {text}")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= 600:
        raise argparse.ArgumentTypeError(f"expected a number above 0 and up to 600, got {text}")
    return value


def _milliseconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= 600_000:
        raise argparse.ArgumentTypeError(f"expected a number above 0 and up to 600,000, got {text}")
    return value


def _positive_rate(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return value
