"""The table that a build ends with."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.prove.coverage import card_warnings
from models.report.verdicts import family_note, level, overlap_note, shortcomings, undecided_note, untested_note
from models.runtime.batching import read_measured
from models.runtime.card import Card

LOG_WIDTH = 100  # columns of a log; a longer name makes the table wider, never cuts it
COLORS = {"passed": "green", "undecided": "yellow", "worse": "red"}


def print_table(cards: list[Card], out: Path) -> None:
    """Print, for every variant, how it was made, its size, what it scores, what the gate says and how long one text
    takes on average.
    """
    console = Console()
    table = _table(cards, out, gap=2)
    if _width(console, table) > LOG_WIDTH:
        table = _table(cards, out, gap=1)
    if not console.is_terminal:
        console.width = max(LOG_WIDTH, _width(console, table))
    console.print(table)
    below = (
        *(f"* {said}" for said in shortcomings(cards)),
        overlap_note(cards[0]),
        untested_note(cards[0]),
        undecided_note(cards),
        family_note(cards),
    )
    for note in (*below, *(f"warning: {sentence}" for sentence in card_warnings(cards))):
        if note:
            console.print(note, markup=False, highlight=False, soft_wrap=True)


def _table(cards: list[Card], out: Path, *, gap: int) -> Table:
    table = Table(header_style="bold", box=None, pad_edge=False, padding=(0, gap, 0, 0))
    for heading in ("variant", "passes"):
        table.add_column(heading, no_wrap=True)
    gates = [card.gate for card in cards if card.gate]
    for heading in ("MB", "accuracy [95 %]", f"drop [{level(gates[0])}]" if gates else "drop"):
        table.add_column(escape(heading), justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("mean\nms", justify="right", no_wrap=True)
    table.add_column("RAM\nMB", justify="right", no_wrap=True)
    for card in cards:
        measured = read_measured(out / card.name)
        gate = card.gate
        table.add_row(
            card.name,
            "+".join(next(iter(entry)) for entry in card.passes) or "fine-tuned",
            f"{card.bytes / 1e6:.1f}",
            f"{100 * card.accuracy.value:.2f} [{100 * card.accuracy.low:.1f}, {100 * card.accuracy.high:.1f}]",
            f"{100 * gate.drop:.2f} [{100 * gate.low:.2f}, {100 * gate.high:.2f}]" if gate else "",
            _verdict(card),
            _milliseconds(measured.mean_ms) if measured else "",  # another machine's, which did not travel with it
            f"{measured.resident_mb:.0f}" if measured and measured.resident_mb else "–",  # not of every build
        )
    return table


def _milliseconds(value: float) -> str:
    """Return a time in four characters, whatever the machine: a thousandth of a second is told from two, a second is
    not told from 1.001.
    """
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}"


def _verdict(card: Card) -> str:
    """Return the gate's word, with a star where a note under the table says what is wrong whatever the drop."""
    if card.gate is None:
        return "*" if card.majority and not card.majority.beaten else ""
    return f"[{COLORS[card.gate.verdict]}]{card.gate.verdict}{' *' if card.gate.withheld else ''}[/]"


def _width(console: Console, table: Table) -> int:
    """Return the columns that the table takes where nothing is cut."""
    return console.measure(table, options=console.options.update_width(1000)).maximum
