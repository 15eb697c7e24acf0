"""The stored figures of the simulations as tables for our pages."""

from collections.abc import Callable
from typing import Any

Rows = list[dict[str, Any]]
NO_FIGURE = "–"


def level(result: dict[str, Any], part: str = "level") -> str:
    """Return how often a verdict was false, kind by kind."""
    return _drawn(
        result,
        ["kind", "world", "false verdicts", "upper 95 % bound", "allowed"],
        [
            [
                row["kind"],
                row["world"],
                f"{row['false']} of {row['experiments']:,} = {_percent(row['false'] / row['experiments'])}",
                _percent(row["upper"]),
                f"{row['allowed']:.1%}".replace("%", " %"),
            ]
            for row in result[part]
        ],
    )


def power(result: dict[str, Any]) -> str:
    """Return how often a worse arm was found."""
    return _drawn(
        result,
        ["kind", "world", "labels", "found", "asked"],
        [
            [
                row["kind"],
                row["world"],
                f"{row['labels']:,}",
                f"{row['found']} of {row['experiments']:,} = {_percent(row['found'] / row['experiments'])}",
                f"{row['asked']:.0%}".replace("%", " %"),
            ]
            for row in result["power"]
        ],
    )


def tango(result: dict[str, Any]) -> str:
    """Return the labels to a verdict beside those of a fixed-sample Tango interval."""
    return _drawn(
        result,
        [
            "verdict",
            "only control right, only arm right",
            "margin",
            "Tango, one look",
            "ours, mean",
            "ours, 90 %",
            "ratio",
        ],
        [
            [
                row["verdict"],
                f"{row['worse']:.1%}, {row['better']:.1%}".replace("%", " %"),
                f"{100 * row['margin']:g}" if row["margin"] else NO_FIGURE,
                f"{row['one_look']:,}",
                f"{row['mean']:,}",
                f"{row['enough']:,}",
                f"{row['enough'] / row['one_look']:.2f}x",
            ]
            for row in result["tango"]
        ],
    )


def libraries(result: dict[str, Any]) -> str:
    """Return what the libraries reached in the same worlds."""
    return _drawn(
        result,
        ["library", "call", "world", "verdicts", "allowed", "labels in 90 %", "beside Tango", "µs a label"],
        [
            [
                f"{row['library']} {result['conditions']['libraries'][row['library']]}",
                row["call"],
                row["world"],
                f"{row['verdicts']} of {row['experiments']:,} = {_percent(row['verdicts'] / row['experiments'])}",
                NO_FIGURE if row["allowed"] is None else f"{row['allowed']:.1%}".replace("%", " %"),
                f"{row['enough']:,}" if row.get("enough") else NO_FIGURE,
                f"{row['enough'] / row['one_look']:.2f}x" if row.get("enough") and row["one_look"] else NO_FIGURE,
                f"{row['microseconds']:.2g}",
            ]
            for row in result["rows"]
        ],
    )


# name of the table → the file that it is drawn from, and how
TABLES: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "level": ("verdicts.json", level),
    "beyond": ("verdicts.json", lambda result: level(result, "beyond")),
    "power": ("verdicts.json", power),
    "tango": ("verdicts.json", tango),
    "libraries": ("libraries.json", libraries),
}


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _drawn(result: dict[str, Any], titles: list[str], rows: list[list[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    conditions = result["conditions"]
    numpy = conditions.get("numpy") or conditions["libraries"]["numpy"]
    said = f"Seed {conditions['seed']}, Python {conditions['python']}, NumPy {numpy}, {conditions['date'][:10]}."
    return f"{table}\n\n{said}\n"
