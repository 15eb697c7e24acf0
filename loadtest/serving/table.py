"""A stored comparison of servers as Markdown: figures at each point, ratios to each peer, the A/A control."""

from collections import Counter
from collections.abc import Iterator, Sequence

from loadtest.figures.doubts import CONTROL_WITHIN
from loadtest.numbers.intervals import FEWEST
from loadtest.numbers.text import NONE, by_kind, milliseconds, rate
from loadtest.serving import comparison
from loadtest.serving.comparison import FIGURES, P50, P99, RATE, Over
from loadtest.serving.points import SAYS
from loadtest.serving.result import Figures, Result
from loadtest.serving.servers import AGAIN, OURS, OURS_2, SERVERS

IN_PROCESS = {
    "1x1": "one text a call, 1 process",
    "1x2": "one text a call, 2 processes",
    "32x1": "32 texts a call, 1 process",
    "32x2": "32 texts a call, 2 processes",
}
HEADS = ["requests/s [95 %]", "p50 ms", "p99 ms [95 %]", "CPU-s per 1,000"]
MORE_HEADS = ["wrk's", "failures"]
LIBRARIES = ("bentoml", "fastapi", "litserve", "mosec", "uvicorn", "onnxruntime", "tokenizers")
GOOD = {RATE: "times as many requests a second as", P50: "times as fast (p50) as", P99: "times as fast (p99) as"}


def markdown(result: Result) -> str:
    """Return all tables, under a bold line for each reason to doubt them and above the conditions."""
    tables = [*_at_points(result), *_without_a_server(result), *_ratios(result), *_control(result)]
    return "\n\n".join([*(f"**{doubt}**" for doubt in doubts(result)), *tables, " ".join(notes(result))]) + "\n"


def doubts(result: Result) -> list[str]:
    """Return one sentence for each reason not to build on the run."""
    found, rounds = [], len(result.rounds)
    if not result.complete:
        found.append(f"This run is incomplete: {rounds} of {result.options.rounds} rounds.")
    if rounds < FEWEST:
        found.append(f"This run proves nothing: an interval needs {FEWEST} rounds at least, and it has {rounds}.")
    elif AGAIN in result.options.servers and OURS in result.options.servers:
        unsure = [
            f"{SAYS[point]}, {figure} {_ratio(ratio)}"
            for point in _points(result)
            for figure in FIGURES
            if comparison.is_unsure(ratio := comparison.control(result, point, figure))
        ]
        if unsure:
            found.append(
                f"The A/A control does not contain 1, or is wider than {1 - CONTROL_WITHIN:g} to "
                f"{1 + CONTROL_WITHIN:g}, in {'; '.join(unsure)}: there, a difference of that size proves nothing."
            )
    return found


def notes(result: Result) -> list[str]:
    """Return the conditions in sentences."""
    of, asked = result.conditions, result.options
    versions = {**of.libraries, **of.peers}
    named = ", ".join(f"{name} {versions[name]}" for name in LIBRARIES if name in versions)
    count = len(result.rounds)
    return [
        f"{asked.variant} of build {of.corpus.build or NONE}, {of.corpus.texts:,} test texts (SHA-256 "
        f"{of.corpus.sha256[:12]}). {count} round{'s' * (count != 1)} in rotated order, every server started anew for "
        f"each group of points, {asked.seconds} s a point, wrk {of.wrk} with one thread.",
        f"{named}.",
        "Figures are geometric means over the rounds, ratios those of the ratios within a round, with 95 % t intervals "
        "of their logarithms. Percentiles are wrk's, which adds the requests that a slow answer kept from being sent. "
        "A dash: too few answers, or too many refusals.",
        *(f"Left out: {name} ({reason})." for name, reason in result.left_out.items()),
    ]


def _at_points(result: Result) -> Iterator[str]:
    for point, says in SAYS.items():
        found = {name: comparison.figures(result, name, point) for name in result.options.servers}
        rows = [
            [name, *_figures(rounds), _seconds([one.wrk_cpu_s_per_1000 for one in rounds]), _failures(rounds)]
            for name, rounds in found.items()
            if rounds
        ]
        if rows:
            yield f"*{says[0].upper()}{says[1:]}:*\n\n{_table(['server', *HEADS, *MORE_HEADS], rows)}"


def _without_a_server(result: Result) -> Iterator[str]:
    found = {key: [one.in_process[key] for one in result.rounds if key in one.in_process] for key in IN_PROCESS}
    if rows := [[IN_PROCESS[key], *_figures(rounds)] for key, rounds in found.items() if rounds]:
        yield f"*The predictor without a server:*\n\n{_table(['calls', *HEADS], rows)}"


def _ratios(result: Result) -> Iterator[str]:
    measured = [name for name in result.options.servers if any(name in one.servers for one in result.rounds)]
    peers = [name for name in measured if name not in (OURS, OURS_2, AGAIN) and _answers(name)]
    for server in (OURS_2, OURS):
        for figure in FIGURES if peers and server in measured else ():
            rows = [
                [
                    SAYS[point],
                    *(_ratio(comparison.times_as_good(result, server, peer, point, figure)) for peer in peers),
                ]
                for point in _points(result)
            ]
            yield f"*`{server}` is … {GOOD[figure]} …*\n\n{_table(['point', *peers], rows)}"


def _control(result: Result) -> Iterator[str]:
    if {AGAIN, OURS} <= set(result.options.servers):
        rows = [
            [SAYS[point], *(_ratio(comparison.control(result, point, figure)) for figure in FIGURES)]
            for point in _points(result)
        ]
        yield f"*A/A control, `{AGAIN}` against `{OURS}`:*\n\n{_table(['point', *FIGURES], rows)}"


def _points(result: Result) -> list[str]:
    measured = {point for one in result.rounds for points in one.servers.values() for point in points}
    return [point for point in SAYS if point in measured]


def _answers(name: str) -> bool:
    return name not in SERVERS or SERVERS[name].answers


def _figures(rounds: Sequence[Figures]) -> list[str]:
    rates, p50, p99 = (comparison.over_known(rounds, figure) for figure in FIGURES)
    return [
        rate(rates.value, rates.interval, interval=True) if rates else NONE,
        milliseconds(p50.value) if p50 else NONE,
        milliseconds(p99.value, p99.interval, interval=True) if p99 else NONE,
        _seconds([one.cpu_s_per_1000 for one in rounds]),
    ]


def _seconds(found: Sequence[float | None]) -> str:
    over = comparison.over([value for value in found if value])
    return f"{over.value:.3f}" if over else NONE


def _failures(rounds: Sequence[Figures]) -> str:
    kinds: Counter[str] = Counter()
    for one in rounds:
        kinds.update({"refused": one.refused, **one.errors})
    return by_kind(+kinds)


def _ratio(found: Over | None) -> str:
    if found is None:
        return NONE
    between = f"{found.interval.low:.2f}, {found.interval.high:.2f}" if found.interval else NONE
    return f"{found.value:.2f} [{between}]"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
