from pathlib import Path

import pytest

from models.report.table import print_table
from models.runtime.card import read_card
from models.runtime.store import read_build


@pytest.mark.parametrize("columns", ["80", "120"])
def test_the_table_shows_every_variant_in_full(
    built: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    cards = [read_card(built / name) for name in read_build(built).variants]
    print_table(cards, built)
    lines = capsys.readouterr().out.splitlines()
    for card in cards:
        (line,) = [line for line in lines if line.split()[:1] == [card.name]]
        assert ("+".join(next(iter(entry)) for entry in card.passes) or "fine-tuned") in line
        assert (
            f"{100 * card.accuracy.value:.2f} [{100 * card.accuracy.low:.1f}, {100 * card.accuracy.high:.1f}]" in line
        )


def test_what_the_model_cannot_read_is_warned_of_below_the_table(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher = read_card(built / "teacher")
    print_table(
        [
            teacher.model_copy(
                update={
                    "truncated_texts": {"training": 0.1, "test": 0.9},
                    "unknown_tokens": {"training": 1.0, "test": 0.0},
                }
            )
        ],
        built,
    )
    said = capsys.readouterr().out
    assert "warning: 90 % of the test texts are cut" in said
    assert "warning: 100 % of the training texts' word pieces are unknown" in said
    print_table([teacher], built)
    assert "warning" not in capsys.readouterr().out


def test_a_star_leads_to_what_is_wrong_whatever_the_drop(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cards = [read_card(built / name) for name in read_build(built).variants]
    assert cards[0].majority is not None
    assert cards[1].gate is not None
    guessing = cards[0].majority.model_copy(update={"low": -0.1})
    held = cards[1].gate.model_copy(update={"withheld": "it lost [red]'late'"})
    overlap = {"trained_on": 2, "near_duplicates": 1, "contradictory": 0}
    data = {**cards[0].dataset, "overlap": overlap, "untested": ["[red]rare"]}
    changed = [
        cards[0].model_copy(update={"majority": guessing, "dataset": data}),
        cards[1].model_copy(update={"gate": held}),
        *cards[2:],
    ]
    print_table(changed, built)
    lines = capsys.readouterr().out.splitlines()
    starred = {line.split()[0] for line in lines if " * " in line}
    assert starred == {"teacher", cards[1].name}
    assert f"* no pass for {cards[1].name}, whatever the drop: it lost [red]'late'" in lines
    assert "the label '[red]rare' has no test row: what a variant loses of it is not seen" in lines
    assert any(
        line.startswith("2 of 12 test texts are training or validation texts too, 1 more are nearly equal to one")
        for line in lines
    )
