"""What the figures say, in a paragraph that a reader without statistics can act on, and that claims no more than their intervals allow."""

from loadtest.result import Result
from loadtest.summary import OFFLINE, SERVER, Summary, measured, summaries, warnings

UNFIT = "The figures below are not fit to compare variants by; what went wrong stands above."


def conclusion(result: Result) -> str:
    """Say which variant to take, what it gives and what it costs."""
    if warnings(result):
        return UNFIT
    baseline = result["run"]["baseline"]
    rows = {row.name: row for row in summaries(result)}
    compared = [(row.ratio, row) for row in rows.values() if row.name != baseline and row.ratio is not None]
    if not compared:
        return f"No variant is compared with {baseline}: SingleStream was not measured in enough rounds, or for no other variant."
    faster = [(ratio, row) for ratio, row in compared if ratio.low > 1]
    if not faster:
        return f"No variant is faster than {baseline} beyond the interval of this run."
    ratio, best = max(faster, key=lambda pair: pair[0].value)
    difference = 100 * (best.accuracy - rows[baseline].accuracy)
    sentences = [
        f"{best.name} answers {ratio.value:.1f} times as fast as {baseline} (95 % interval {ratio.low:.1f} to {ratio.high:.1f}), "
        f"at an accuracy of {100 * best.accuracy:.2f} %, which is {abs(difference):.2f} points {'above' if difference >= 0 else 'below'} {baseline}'s, "
        f"and in a file of {best.bytes / rows[baseline].bytes:.0%} of its size.",
        _server(result, best.name, baseline),
        _offline(result, best.name, baseline),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _server(result: Result, name: str, baseline: str) -> str:
    rows = _by_name(result, SERVER)
    best, teacher = rows.get(name), rows.get(baseline)
    if best is None or best.search is None or not best.search.passed:
        return ""
    if not best.search.confirmed:
        why = "left it undecided" if best.search.confirmed is None else "that should confirm it did not keep to the limit"
        return f"No rate can be promised for it: the search found {best.search.passed:,.0f} requests a second, but the rounds {why}."
    than = f", and {baseline} {teacher.search.rate:,.0f}" if teacher and teacher.search and teacher.search.confirmed and name != baseline else ""
    costs = f"; at that load a million predictions cost {best.cost:.2g}, at the price given for a core-hour" if best.cost else ""
    return f"It takes {best.search.rate:,.0f} requests a second while 99 % of the answers come within {best.search.limit_ms:.1f} ms{than}{costs}."


def _offline(result: Result, name: str, baseline: str) -> str:
    rows = _by_name(result, OFFLINE)
    best = rows.get(name)
    if best is None or best.rate is None:
        return ""
    times = f", {best.ratio.value:.1f} times {baseline}'s" if best.ratio and best.ratio.low > 1 and name != baseline else ""
    return f"In large requests it classifies {best.rate:,.0f} texts a second{times}."


def _by_name(result: Result, scenario: str) -> dict[str, Summary]:
    return {row.name: row for row in summaries(result, scenario)} if measured(result, scenario) else {}
