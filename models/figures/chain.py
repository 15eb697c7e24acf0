"""What is left of a variant's file by the three stages of Han et al. (2016), pruning, quantization and entropy coding:
rows of a stored benchmark whose weights are zeros in part (no torch).
"""

from models.bench.comparison import Result, Table, as_markdown, figures, notes
from models.plan.plan import TEACHER

SHOWN = ("accuracy [95 %]", "gate", "MB")
HEADS = ("weights gone", "MB sparse", "MB compressed", "times smaller")


def markdown(result: Result) -> str:
    """Return the table with the first of the run's conditions."""
    return f"{as_markdown(table(result))}\n\n{notes(result)[0]}\n"


def table(result: Result) -> Table:
    """Return the teacher, and each variant with zeros among its weights beside it."""
    full = figures(result)
    cells = {row[0]: [row[full.heads.index(head)] for head in SHOWN] for row in full.rows}
    whole = result["rows"][TEACHER]["bytes"]
    rows = [[TEACHER, *cells[TEACHER], "–", "–", "–", "1"]]
    for name, row in result["rows"].items():
        if found := row.get("stored"):
            sparse, compressed = (found[f"bytes_{what}"] for what in ("sparse", "compressed"))
            left = [f"{100 * found['sparsity']:.1f} %", f"{sparse / 1e6:.1f}", f"{compressed / 1e6:.1f}"]
            rows.append([name, *cells[name], *left, f"{whole / compressed:.1f}"])
    return Table(["variant", *SHOWN, *HEADS], rows)
