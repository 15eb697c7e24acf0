import json
from pathlib import Path

import pytest

from service.evidence.simulate.command import PARTS, main
from service.evidence.simulate.table import TABLES


def simulate(file: Path, *arguments: str) -> dict:
    assert main([*arguments, "--out", str(file)]) == 0
    return json.loads(file.read_text(encoding="utf-8"))


def test_few_verdicts_are_false_and_most_worse_arms_are_found(tmp_path: Path) -> None:
    """The whole simulation, small: of 60 experiments six false ones are unlikely (one in a thousand at 2.5 %)."""
    found = simulate(tmp_path / "new" / "small.json", "--experiments", "60", "--labels", "2000")
    assert {row["kind"] for row in found["level"]} | {"power", "tango"} == set(PARTS)
    for row in found["level"]:
        assert row["false"] <= (6 if row["allowed"] < 0.05 else 9), row
        assert row["false"] == len(row["first_looks"])
    assert all(row["found"] >= 50 for row in found["power"])
    assert all(row["enough"] < 2 * row["one_look"] for row in found["tango"])
    for name in ("level", "beyond", "power", "tango"):
        rows = TABLES[name][1](found).split("\n\n")[0].splitlines()
        assert len(rows) == 2 + len(found[name])
        assert len({row.count("|") for row in rows}) == 1


def test_a_kind_has_its_own_numbers_whichever_others_are_drawn(tmp_path: Path) -> None:
    small = ("--experiments", "40", "--labels", "1000")
    both = simulate(tmp_path / "both.json", *small, "--kind", "paired", "label_free")
    one = simulate(tmp_path / "one.json", *small, "--kind", "label_free")
    assert one["level"] == [row for row in both["level"] if row["kind"] == "label_free"]
    assert (one["power"], one["tango"]) == ([], [])


def test_another_seed_draws_other_numbers(tmp_path: Path) -> None:
    given = ("--experiments", "5", "--kind", "tango")
    zero, one = (simulate(tmp_path / f"{seed}.json", *given, "--seed", seed)["tango"] for seed in "01")
    assert zero != one


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--kind", "none", "--out", "x.json"], "invalid choice: 'none'"),
        (["--experiments", "0", "--out", "x.json"], "expected a whole number from 1"),
        ([], "required: --out"),
    ],
)
def test_wrong_arguments_are_refused(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert (
        main(["--experiments", "1", "--labels", "10", "--kind", "agreement", "--out", str(tmp_path / "file" / "x")])
        == 2
    )
    assert capsys.readouterr().err.count("\n") == 1
