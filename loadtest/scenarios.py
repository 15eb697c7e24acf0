"""The scenarios, named as MLPerf names them: under what load each is measured, and what result.json keeps of it."""

from collections.abc import Callable
from typing import Any

from loadtest.answer import DROPPED, LATE
from loadtest.disturbed import calmer, is_disturbed
from loadtest.errors import LoadTestError
from loadtest.generator import sent_late
from loadtest.highest_rate import LOWEST, highest_rate
from loadtest.limit import PATIENCE_S, default_limit
from loadtest.measure import Bench, Load
from loadtest.probe import Probe, judged, length, lowest, sustained
from loadtest.result import CONTROL, Result, rounds_at
from loadtest.schedule import LIMIT, RAMP_SHARES, SEARCH, Plan, Turn
from loadtest.settle import CONFIRMED_SHARE, given_up, too_slow_alone
from loadtest.summary import MIX, OFFLINE, RAMP, SERVER, SINGLE_STREAM, rounds_of
from loadtest.target import alive

FIRST_GUESS = 0.7  # of what one connection reached in SingleStream
STEP_ANSWERS, SHORTEST_STEP, LONGEST_STEP = 250, 0.3, 1.6  # wished for: the ramp's p95 needs 200; times --seconds
ROUND_ANSWERS, LONGEST_ROUND = 600, 4  # of each of Server's rounds, whose p99 needs 500; times --seconds
LONGEST_OFFLINE = 4  # times --seconds, for a service that answers less than two requests a user in them
OVERLOAD = (LATE, DROPPED, "4xx", "5xx")  # what a service may do when it is asked for more than it can
PATIENCE_OFFLINE = 60.0  # seconds: nobody waits for a single answer there


def take(turn: Turn, bench: Bench, plan: Plan, result: Result) -> int | None:
    """Measure a turn into the result and return how many right answers it got; None when it was cut short."""
    return _STEPS[turn.scenario](turn, bench, plan, result)


def _measured(turn: Turn, bench: Bench, result: Result, load: Load, seed: str) -> dict[str, Any] | None:
    name = result["run"]["baseline"] if turn.variant == CONTROL else turn.variant
    version = _side(result, turn)[name]["version"]
    # The corpus holds what this version says: of another one at the other service no label is known.
    asked = bench.there(labels=version == result["variants"][name]["version"]) if turn.there else bench
    measured = asked.measure({name: 1.0}, {name: version}, load, seed)
    return None if measured is None else {"round": turn.round, "place": turn.place, **measured[name]}


def _stream(turn: Turn, bench: Bench, plan: Plan, result: Result) -> int | None:
    one = _measured(turn, bench, result, Load(plan.warm_up, plan.seconds, timeout=plan.timeout), _seed(plan, turn))
    return None if one is None else _keep(result, turn, one)


def _offline(turn: Turn, bench: Bench, plan: Plan, result: Result) -> int | None:
    """Measure for as long as a throughput needs, which is two answers of every user; later rounds begin with what the earlier took."""
    rounds, longest = rounds_at(result, OFFLINE, turn.variant, there=turn.there), LONGEST_OFFLINE * plan.seconds
    seconds = rounds[-1]["seconds"] if rounds else plan.seconds
    while True:
        load = Load(plan.warm_up, seconds, plan.offline_users, plan.offline_texts, timeout=max(plan.timeout, PATIENCE_OFFLINE))
        one = _measured(turn, bench, result, load, _seed(plan, turn))
        if one is None:
            return None
        if one["texts_per_second"] is not None or one["failures"] or seconds >= longest:
            return _keep(result, turn, one)
        seconds = min(2 * seconds, longest)


def _limit(turn: Turn, bench: Bench, plan: Plan, result: Result) -> int | None:
    """Settle Server's limit from the baseline's rounds of SingleStream, and from more of them where those have too few answers."""
    stream = list(rounds_of(result["variants"][turn.variant], SINGLE_STREAM))
    more = result["run"].setdefault("limit_rounds", [])
    while (limit := default_limit(turn.variant, [*stream, *more])) is None:
        if sum(one["seconds"] for one in more) >= PATIENCE_S:
            raise LoadTestError(f"{turn.variant} is too slow for a p99 within {PATIENCE_S:g} s, so there is no default limit; give one in ms with --p99-limit")
        one = _measured(turn, bench, result, Load(plan.warm_up, plan.seconds, timeout=plan.timeout), f"{plan.seed}.limit.{len(more)}")
        if one is None:
            return None
        _count(result["variants"][turn.variant], one, ())
        more.append({key: value for key, value in one.items() if key != "failure_examples"})
    result["conditions"] |= limit
    return 1


def _search(turn: Turn, bench: Bench, plan: Plan, result: Result) -> int | None:
    """Look for the highest rate; what fails because it was too much is no failure of the variant."""
    variant = result["variants"][turn.variant]
    server, limit = variant["scenarios"][SERVER], result["conditions"]["limit_ms"]
    answers = 0

    def probe(rate: float, attempt: int) -> Probe | None:
        nonlocal answers
        one = _measured(turn, bench, result, _open_loop(rate, length(rate, plan.seconds), plan), f"{plan.seed}.search.{rate:.3f}.{attempt}")
        if one is None or (DROPPED in one["failures"] and not alive(bench.address)):
            return None
        answers += one["right"]
        found = judged(one, limit)
        kept = {key: one[key] for key in PROBE_KEYS if key in one}
        server["search"].append({**kept, "share_above_limit": round(found.share_above, 5), "passed": found.passed, "generator_bound": sent_late([one])})
        _count(variant, one, OVERLOAD)
        return found

    stream = rounds_of(variant, SINGLE_STREAM)
    if (alone := too_slow_alone(stream, limit)) is not None:
        server |= {"passed": 0.0, "failed": LOWEST, "rate": 0.0, "p99_alone_ms": round(alone, 3)}
        return 1
    guess = FIRST_GUESS * sum(one["right"] for one in stream) / sum(one["seconds"] for one in stream) if stream else 100.0
    found = highest_rate(guess or 1.0, lambda rate: sustained(rate, probe), lowest(plan.seconds))
    if found is None:
        return None
    server |= {"passed": round(found.passed, 3), "failed": found.failed and round(found.failed, 3), "rate": round(CONFIRMED_SHARE * found.passed, 3)}
    return answers


def _server(turn: Turn, bench: Bench, plan: Plan, result: Result) -> int | None:
    """Measure at the rate that was found, or at the lower one that earlier rounds settled for; where none was found there is nothing to measure."""
    server, left = result["variants"][turn.variant]["scenarios"][SERVER], plan.rounds - turn.round
    if not (rate := server.get("rate", 0.0)):
        return 1
    seconds = min(max(plan.seconds, ROUND_ANSWERS / rate), LONGEST_ROUND * plan.seconds)
    one = _measured(turn, bench, result, _open_loop(rate, seconds, plan), _seed(plan, turn))
    if one is None:
        return None
    # A round in which the generator was slowed says nothing against the rate, and is measured again.
    calm = not turn.again and not is_disturbed(one, [*server["rounds"], one])
    if calm and given_up(server, one, result["conditions"]["limit_ms"], left):
        _count(result["variants"][turn.variant], one, OVERLOAD)
        return int(one["right"])
    return _keep(result, turn, one)


def _ramp(turn: Turn, bench: Bench, plan: Plan, result: Result) -> int | None:
    """Measure at a share of the rate that was settled for, as if it had been found."""
    share, settled = RAMP_SHARES[turn.round - 1], result["variants"][turn.variant]["scenarios"].get(SERVER, {}).get("rate", 0.0)
    if not (rate := share * settled / CONFIRMED_SHARE):
        return 1
    seconds = min(max(STEP_ANSWERS / rate, SHORTEST_STEP * plan.seconds), LONGEST_STEP * plan.seconds)
    one = _measured(turn, bench, result, _open_loop(rate, seconds, plan), _seed(plan, turn))
    return None if one is None else _keep(result, turn, one, excused=OVERLOAD if share > CONFIRMED_SHARE else ())


def _open_loop(rate: float, seconds: float, plan: Plan) -> Load:
    return Load(min(plan.warm_up, 0.5), seconds, rate=rate, timeout=plan.timeout)


def _mixed(turn: Turn, bench: Bench, plan: Plan, result: Result) -> int | None:
    measured = bench.measure(plan.mix, {}, Load(plan.warm_up, plan.seconds, rate=plan.rate, timeout=plan.timeout), _seed(plan, turn))
    if measured is None:
        return None
    kept = [_keep(result, Turn(MIX, turn.round, turn.place, name), {"round": turn.round, "place": 1, **one}) for name, one in measured.items()]
    return sum(kept)


def _keep(result: Result, turn: Turn, one: dict[str, Any], excused: tuple[str, ...] = ()) -> int:
    variant = _side(result, turn)[result["run"]["baseline"] if turn.variant == CONTROL else turn.variant]
    _count(variant, one, excused)
    variant["batch_flips"] += one["batch_flips"]
    rounds, kept = rounds_at(result, turn.scenario, turn.variant, there=turn.there), {key: value for key, value in one.items() if key != "failure_examples"}
    if turn.again:
        (place,) = (place for place, known in enumerate(rounds) if known["round"] == turn.round)
        rounds[place] = calmer(rounds[place], kept, rounds)
    else:
        rounds.append(kept)
    return int(one["right"])


def _side(result: Result, turn: Turn) -> dict[str, dict[str, Any]]:
    side: dict[str, dict[str, Any]] = (result["against"] if turn.there else result)["variants"]
    return side


def _count(variant: dict[str, Any], one: dict[str, Any], excused: tuple[str, ...]) -> None:
    """Count failures as the variant's, but for those that the load excuses; all of them stand in the round."""
    for kind, count in one["failures"].items():
        if kind not in excused:
            variant["failures"][kind] = variant["failures"].get(kind, 0) + count
            variant["failure_examples"].setdefault(kind, one["failure_examples"][kind])


def _seed(plan: Plan, turn: Turn) -> str:
    return f"{plan.seed}.{turn.round}"


PROBE_KEYS = ("rate", "offered", "achieved", "seconds", "disturbance", "right", "failures", "histogram", "lateness", "no_connection", "generator")
_STEPS: dict[str, Callable[[Turn, Bench, Plan, Result], int | None]] = {
    SINGLE_STREAM: _stream,
    OFFLINE: _offline,
    LIMIT: _limit,
    SEARCH: _search,
    SERVER: _server,
    RAMP: _ramp,
    MIX: _mixed,
}
