"""What one process proved, another takes as it is, and of nothing else."""

from pathlib import Path

from service.variants.cost import Cost
from service.variants.proved import Proved, forget_proved, read_proved, write_proved
from service.variants.registry import load
from service.variants.startup import StartupCheck, read_rows

COST = Cost(1.0, 0.5, 0.25, 100, 8)
VERSION, OTHER = "0123456789ab", "ba9876543210"


def test_what_is_written_is_read_until_it_is_forgotten(tmp_path: Path) -> None:
    folder, known = tmp_path / "proved", Proved(StartupCheck(24, 1), COST)
    assert read_proved(folder, [VERSION]) == {}
    forget_proved(folder, [VERSION])
    write_proved(folder, {VERSION: known})
    write_proved(folder, {OTHER: known})
    assert read_proved(folder, [VERSION, OTHER]) == {VERSION: known, OTHER: known}
    forget_proved(folder, [OTHER])
    assert read_proved(folder, [VERSION, OTHER]) == {OTHER: known}


def test_what_is_proved_of_this_version_is_not_found_out_again(built: Path) -> None:
    folders, rows = {"int8": built / "int8", "teacher": built / "teacher"}, read_rows(built)
    first = load(folders, 1, rows, at_once=2)
    assert list(first) == ["int8", "teacher"]
    assert first["int8"].startup_check.texts
    known = Proved(StartupCheck(1, 0), COST)
    second = load(folders, 1, rows, proved={first["int8"].card.version: known, OTHER: known})
    assert (second["int8"].startup_check, second["int8"].cost) == known
    assert second["teacher"].startup_check == first["teacher"].startup_check
    assert second["teacher"].cost != COST
