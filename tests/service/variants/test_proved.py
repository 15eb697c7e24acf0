"""What one process proved, another takes as it is, and of nothing else."""

from pathlib import Path

from service.variants.cost import Cost
from service.variants.proved import Proved, read_proved, write_proved
from service.variants.registry import load
from service.variants.startup import StartupCheck, read_rows

COST = Cost(1.0, 0.5, 0.25, 100, 8)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    proved = {"int8": Proved("0123456789ab", StartupCheck(24, 1), COST)}
    assert read_proved(tmp_path / "proved.json") == {}
    write_proved(tmp_path / "proved.json", proved)
    assert read_proved(tmp_path / "proved.json") == proved


def test_what_is_proved_of_this_version_is_not_found_out_again(built: Path) -> None:
    folders, rows = {"int8": built / "int8", "teacher": built / "teacher"}, read_rows(built)
    first = load(folders, 1, rows, at_once=2)
    assert list(first) == ["int8", "teacher"]
    assert first["int8"].startup_check.texts
    proved = {
        "int8": Proved(first["int8"].card.version, StartupCheck(1, 0), COST),
        "teacher": Proved("another", StartupCheck(1, 0), COST),
    }
    second = load(folders, 1, rows, proved=proved)
    assert (second["int8"].startup_check, second["int8"].cost) == (StartupCheck(1, 0), COST)
    assert second["teacher"].startup_check == first["teacher"].startup_check
    assert second["teacher"].cost != COST
