"""The table that a build ends with."""

import json
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from models.card import Card
from models.measure import MEASURED_FILE


def print_table(cards: list[Card], out: Path) -> None:
    """Print, for every variant, how it was made, its size, what it scores and how long one text takes."""
    table = Table(header_style="bold", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for heading in ("variant", "passes"):
        table.add_column(heading, no_wrap=True)
    for heading in ("params", "MB", "accuracy [95 %]", "agrees", "p50 ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    for card in cards:
        measured = json.loads((out / card.name / MEASURED_FILE).read_text())
        table.add_row(
            card.name,
            " + ".join(next(iter(entry)) for entry in card.passes) or "fine-tuned",
            f"{card.parameters['all'] / 1e6:.1f} M",
            f"{card.bytes / 1e6:.1f}",
            f"{100 * card.accuracy.value:.2f} [{100 * card.accuracy.low:.1f}, {100 * card.accuracy.high:.1f}]",
            f"{100 * card.agreement:.1f}",
            f"{measured['p50_ms']:.2f}",
        )
    Console().print(table)
