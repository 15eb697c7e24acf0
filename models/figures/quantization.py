"""What fewer bits save and cost: rows of a stored benchmark, each beside the one that differs from it in its bits alone
(no torch).
"""

from models.bench.comparison import Result, Table, as_markdown, figures, notes, ratio, warnings
from models.plan.plan import TEACHER

BITS = ("int8", "fp16", "bf16")  # how recipes end the name of a variant that another one is stored in fewer bits
SHOWN = ("MB", "accuracy [95 %]", "gate", "mean ms", "texts/s")


def markdown(result: Result) -> str:
    """Return a table of pairs, with the first of the run's conditions, under each reason not to trust its times."""
    parts = [*(f"**{warning}**" for warning in warnings(result)), as_markdown(table(result)), notes(result)[0]]
    return "\n\n".join(parts) + "\n"


def table(result: Result) -> Table:
    """Return each variant of fewer bits under the one that it was made of, and how many times as fast it is."""
    full = figures(result)
    cells = {row[0]: [row[full.heads.index(head)] for head in SHOWN] for row in full.rows}
    rows: list[list[str]] = []
    for name, of in pairs(result).items():
        faster = [ratio(result, name, figure, of) for figure in ("mean_ms", "texts_per_s")]
        rows.append([of, *cells[of], "1", "1"])
        rows.append([name, *cells[name], *(f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]" for one in faster)])
    return Table(["variant", *SHOWN, "times as fast", "in batches"], rows)


def pairs(result: Result) -> dict[str, str]:
    """Return the rows of fewer bits, and which row each of them was made of."""
    found = {}
    for name in result["rows"]:
        of, _, bits = name.rpartition("_")
        if bits in BITS and (of or TEACHER) in result["rows"]:
            found[name] = of or TEACHER
    return found
