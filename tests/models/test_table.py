from pathlib import Path

import pytest

from models.card import read_card
from models.store import read_build
from models.table import print_table


@pytest.mark.parametrize("columns", ["80", "120"])
def test_the_table_shows_every_variant_in_full(built: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    cards = [read_card(built / name) for name in read_build(built).variants]
    print_table(cards, built)
    lines = capsys.readouterr().out.splitlines()
    for card in cards:
        (line,) = [line for line in lines if line.split()[:1] == [card.name]]
        assert (" + ".join(next(iter(entry)) for entry in card.passes) or "fine-tuned") in line
        assert f"{100 * card.accuracy.value:.2f} [{100 * card.accuracy.low:.1f}, {100 * card.accuracy.high:.1f}]" in line
