"""The comparison as a Markdown table."""

from loadtest.ratio import Ratio
from loadtest.result import Result
from loadtest.summary import Summary, by_kind, summaries, warnings

COLUMNS = (50.0, 90.0, 95.0, 99.0)


def markdown(result: Result) -> str:
    """Return the table, under a bold line for each reason not to trust it."""
    titles = heads(result)
    lines = [f"**{warning}**\n" for warning in warnings(result)]
    lines += [f"| {' | '.join(titles)} |", f"|---|{'---:|' * (len(titles) - 1)}"]
    lines += [f"| {' | '.join(cells(row, baseline=row.name == result['run']['baseline']))} |" for row in summaries(result)]
    return "\n".join(lines) + "\n"


def heads(result: Result) -> list[str]:
    """Return the columns' titles."""
    times = [f"p{column:g} ms" for column in COLUMNS]
    return ["variant", "accuracy", "size", *times, "texts/s", f"speed ({result['run']['baseline']} = 1)", "failures", "batch flips"]


def cells(row: Summary, *, baseline: bool) -> list[str]:
    """Return one variant's cells as text; a dash stands where the count cannot carry the figure."""
    return [
        row.name,
        f"{100 * row.accuracy:.2f} % [{100 * row.accuracy_low:.1f}, {100 * row.accuracy_high:.1f}]",
        megabytes(row.bytes),
        *(_number(row.times[column]) for column in COLUMNS),
        "–" if row.rate is None else f"{row.rate:,.0f}",
        "1" if baseline else _ratio(row.ratio),
        by_kind(row.failures),
        f"{row.batch_flips:,}",
    ]


def megabytes(size: int) -> str:
    """Return a file's size as people say it."""
    return f"{size / 1e6:.0f} MB" if size >= 10e6 else f"{size / 1e6:.2g} MB"


def _number(milliseconds: float | None) -> str:
    if milliseconds is None:
        return "–"
    return f"{milliseconds:.2f}" if milliseconds < 10 else f"{milliseconds:.1f}"


def _ratio(ratio: Ratio | None) -> str:
    return "–" if ratio is None else f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"
