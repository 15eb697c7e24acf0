"""The comparison as Markdown tables, one for each scenario."""

from loadtest.generator import cautions, late_share
from loadtest.result import Result
from loadtest.rounds import Interval, over_rounds
from loadtest.schedule import PAIRED
from loadtest.summary import (
    MIX,
    OFFLINE,
    SERVER,
    SINGLE_STREAM,
    Summary,
    by_kind,
    compared,
    control,
    measured,
    per_round,
    rounds_of,
    summaries,
    warnings,
)

COLUMNS = (50.0, 90.0, 95.0, 99.0)
NONE = "–"
AGAINST = "Against"
CONFIRMED = {True: "✓", False: "✗ not kept", None: "? undecided"}
TITLES = {
    SINGLE_STREAM: "SingleStream: one request after another",
    SERVER: "Server: Poisson arrivals, the highest rate whose p99 stays under the limit",
    OFFLINE: "Offline: as many texts as possible in large requests",
    MIX: "Mix: Poisson arrivals over several variants",
    AGAINST: "Against: the same variants at another service, in turns",
}


def markdown(result: Result) -> str:
    """Return the tables, under a bold line for each reason not to trust them."""
    parts = ["".join(f"**{warning}**\n\n" for warning in warnings(result)) + "".join(f"*{caution}*\n\n" for caution in cautions(result))]
    shown = sections(result)
    for scenario, (heads, rows) in shown.items():
        lines = [f"### {TITLES[scenario]}\n"] if len(shown) > 1 else []
        lines += [f"| {' | '.join(heads)} |", f"|---|{'---:|' * (len(heads) - 1)}"]
        lines += [f"| {' | '.join(row)} |" for row in rows]
        parts.append("\n".join(lines) + "\n" + ("\n" if len(shown) > 1 else ""))
    if control(result) is not None:
        parts.append(f"\n{control_text(result)}\n")
    return "".join(parts).rstrip("\n") + "\n"


def sections(result: Result) -> dict[str, tuple[list[str], list[list[str]]]]:
    """Return titles and cells of each scenario's table as text; SingleStream's is there even when nothing was measured."""
    baseline = result["run"]["baseline"]
    shown = {}
    if measured(result, SINGLE_STREAM) or not any(measured(result, scenario) for scenario in (SERVER, OFFLINE, MIX)):
        shown[SINGLE_STREAM] = _stream_heads(baseline), [_stream_cells(row, baseline) for row in summaries(result)]
    if measured(result, SERVER):
        rows = summaries(result, SERVER)
        reference = next((row.search for row in rows if row.name == baseline), None)
        late = {name: late_share(rounds_of(variant, SERVER)) for name, variant in result["variants"].items()}
        shown[SERVER] = _server_heads(result, baseline), [_server_cells(row, reference.promised if reference else None, late[row.name]) for row in rows]
    if measured(result, OFFLINE):
        heads = ["variant", "texts/s [95 %]", f"throughput ({baseline} = 1)", "requests", "failures", "batch flips", "cost of a million"]
        shown[OFFLINE] = heads, [_offline_cells(row, baseline) for row in summaries(result, OFFLINE)]
    if measured(result, MIX):
        heads = ["variant", "requests/s", "p50 ms", "p95 ms", "p99 ms [95 %]", "answers", "failures"]
        shown[MIX] = heads, [_mix_cells(row) for row in summaries(result, MIX) if row.requests]
    if "against" in result:
        heads = ["variant", "scenario", "version", "version there", "mean ms", "mean ms there", "speed (there = 1)", "round by round"]
        shown[AGAINST] = heads, [_against_cells(result, name, scenario) for name in result["variants"] for scenario in PAIRED if measured(result, scenario)]
    return shown


def control_text(result: Result) -> str:
    """Say what the A/A control gave."""
    again = control(result)
    if again is None:
        return "No A/A control was measured."
    return f"A/A control: {result['run']['baseline']} against itself came out as {again.value:.3f} [{again.low:.3f}, {again.high:.3f}]."


def megabytes(size: int) -> str:
    """Return a file's size as people say it."""
    return f"{size / 1e6:.0f} MB" if size >= 10e6 else f"{size / 1e6:.2g} MB"


def _stream_heads(baseline: str) -> list[str]:
    times = [f"p{column:g} ms" for column in COLUMNS]
    figures = ["mean ms", *times[:-1], f"{times[-1]} [95 %]", "texts/s [95 %]", f"speed ({baseline} = 1)"]
    return ["variant", "accuracy", "gate", "size", *figures, "answers", "failures", "batch flips"]


def _stream_cells(row: Summary, baseline: str) -> list[str]:
    return [
        row.name,
        f"{100 * row.accuracy:.2f} % [{100 * row.accuracy_low:.1f}, {100 * row.accuracy_high:.1f}]",
        "withheld" if row.withheld else row.verdict or NONE,
        megabytes(row.bytes),
        _number(row.mean),
        *(_number(row.times[column]) for column in COLUMNS[:-1]),
        _with_interval(row, 99.0),
        _rate(row),
        "1" if row.name == baseline else _ratio(row.ratio),
        f"{row.answers:,}",
        by_kind(row.failures),
        f"{row.batch_flips:,}",
    ]


def _server_heads(result: Result, baseline: str) -> list[str]:
    rates = [f"rate/s, p99 ≤ {result['conditions']['limit_ms']:.4g} ms", f"rate ({baseline} = 1)", "search passed", "too much at", "rounds at"]
    return ["variant", *rates, "p50 ms", "p99 ms [95 %]", "right in time/s", "answers", "failures", "sent late", "cost of a million"]


def _server_cells(row: Summary, reference: float | None, late: float) -> list[str]:
    search = row.search
    if search is None:
        return [row.name, *[NONE] * 12]
    if not search.passed:
        why = f"none: alone its p99 is {_number(search.p99_alone_ms)} ms" if search.p99_alone_ms else "0"
        return [row.name, NONE, NONE, why, _count(search.failed), *[NONE] * 8]
    return [
        row.name,
        _count(search.promised),
        f"{search.promised / reference:.2f}" if search.promised and reference else NONE,
        _count(search.passed),
        _count(search.failed),
        "".join(f"{_count(rate)} ✗ given up, " for rate in search.given_up) + f"{_count(search.rate)} {CONFIRMED[search.confirmed]}",
        _number(row.times[50.0]),
        _with_interval(row, 99.0),
        _count(row.rate),
        f"{row.answers:,}",
        by_kind(row.failures),
        f"{late:.2%}",
        _cost(row.cost),
    ]


def _offline_cells(row: Summary, baseline: str) -> list[str]:
    ratio = "1" if row.name == baseline else _ratio(row.ratio)
    return [row.name, _rate(row), ratio, f"{row.requests:,}", by_kind(row.failures), f"{row.batch_flips:,}", _cost(row.cost)]


def _mix_cells(row: Summary) -> list[str]:
    times = [_number(row.times[50.0]), _number(row.times[95.0]), _with_interval(row, 99.0)]
    return [row.name, _count(row.rate), *times, f"{row.answers:,}", by_kind(row.failures)]


def _against_cells(result: Result, name: str, scenario: str) -> list[str]:
    here, there = result["variants"][name], result["against"]["variants"][name]
    ours, theirs = (per_round(rounds_of(one, scenario), scenario) for one in (here, there))
    ratios = [f"{theirs[number] / ours[number]:.2f}" for number in sorted(ours.keys() & theirs.keys())]
    means = [_number(over.value) if (over := over_rounds(list(times.values()))) else NONE for times in (ours, theirs)]
    ratio = compared(rounds_of(there, scenario), rounds_of(here, scenario), scenario)
    return [name, scenario, here["version"], there["version"], *means, _ratio(ratio), ", ".join(ratios) or NONE]


def _with_interval(row: Summary, percentile: float) -> str:
    """Write a percentile with its interval, or [–] where a round alone has too few answers for one."""
    if row.times[percentile] is None:
        return NONE
    over = row.intervals[percentile]
    return f"{_number(row.times[percentile])} [{f'{_number(over.low)}, {_number(over.high)}' if over else NONE}]"


def _rate(row: Summary) -> str:
    if row.rate is None:
        return NONE
    return f"{_count(row.rate)} [{f'{_count(row.rates.low)}, {_count(row.rates.high)}' if row.rates else NONE}]"


def _number(milliseconds: float | None) -> str:
    if milliseconds is None:
        return NONE
    return f"{milliseconds:.2f}" if milliseconds < 10 else f"{milliseconds:.1f}"


def _count(rate: float | None) -> str:
    if rate is None:
        return NONE
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}"


def _cost(cost: float | None) -> str:
    return NONE if cost is None else f"{cost:.2g}" if cost < 10 else f"{cost:,.0f}"


def _ratio(ratio: Interval | None) -> str:
    return NONE if ratio is None else f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"
