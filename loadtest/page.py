"""The comparison as one HTML file that needs nothing else: the picture is inside it."""

import base64
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from loadtest.result import Result
from loadtest.summary import summaries, warnings
from loadtest.table import cells, heads

TEMPLATE = Path(__file__).with_name("page.html")


def html(result: Result, png: bytes) -> str:
    """Return the page."""
    rows = summaries(result)
    baseline = result["run"]["baseline"]
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        run=result["run"],
        conditions=result["conditions"],
        variants=result["variants"],
        warnings=warnings(result),
        conclusion=conclusion(result),
        heads=heads(result),
        rows=[(row, cells(row, baseline=row.name == baseline)) for row in rows],
        picture=base64.b64encode(png).decode("ascii"),
    )


def conclusion(result: Result) -> str:
    """Say in a sentence or two what the figures say, and no more than their intervals allow."""
    if warnings(result):
        return "The figures below are not fit to compare variants by; what went wrong stands above."
    baseline = result["run"]["baseline"]
    rows = {row.name: row for row in summaries(result)}
    faster = [(row.ratio, row) for row in rows.values() if row.name != baseline and row.ratio is not None and row.ratio.low > 1]
    if not faster:
        return f"No variant is faster than {baseline} beyond the interval of this run."
    ratio, best = max(faster, key=lambda pair: pair[0].value)
    difference = 100 * (best.accuracy - rows[baseline].accuracy)
    return (
        f"{best.name} answers {ratio.value:.1f} times as fast as {baseline} (95 % interval {ratio.low:.1f} to {ratio.high:.1f}), "
        f"at an accuracy of {100 * best.accuracy:.2f} %, which is {abs(difference):.2f} points {'above' if difference >= 0 else 'below'} {baseline}'s, "
        f"and in a file of {best.bytes / rows[baseline].bytes:.0%} of its size."
    )
