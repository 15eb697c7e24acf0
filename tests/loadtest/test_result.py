from pathlib import Path

import pytest

from loadtest.errors import LoadTestError
from loadtest.result import new_run_folder, point_latest, read_result, total_failures, write_result

EMPTY = {"run": {}, "conditions": {}, "variants": {"a": {"failures": {"late": 2, "5xx": 1}}, "b": {"failures": {}}}}


def test_what_is_written_is_read_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_result(tmp_path, EMPTY)
    write_result(tmp_path, EMPTY)
    assert read_result(tmp_path) == EMPTY
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]
    assert total_failures(EMPTY) == 3


def test_a_result_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    write_result(tmp_path, EMPTY)
    with pytest.raises(ValueError, match="JSON"):
        write_result(tmp_path, {**EMPTY, "run": {"seconds": float("nan")}})
    assert read_result(tmp_path) == EMPTY


def test_runs_of_the_same_second_have_folders_of_their_own_and_latest_names_the_newest(tmp_path: Path) -> None:
    folders = [new_run_folder(tmp_path / "out") for _ in range(3)]
    assert len(set(folders)) == 3
    for folder in folders:
        point_latest(folder)
        assert (tmp_path / "out" / "latest").resolve() == folder.resolve()
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_a_folder_in_the_way_of_latest_is_named(tmp_path: Path) -> None:
    (tmp_path / "latest" / "mine").mkdir(parents=True)
    with pytest.raises(LoadTestError, match="latest"):
        point_latest(new_run_folder(tmp_path))
    assert (tmp_path / "latest" / "mine").is_dir()


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadTestError, match=r"python -m loadtest\.run"):
        read_result(tmp_path)
    for content in ("{", "[]", "{}", "3"):
        (tmp_path / "result.json").write_text(content)
        with pytest.raises(LoadTestError):
            read_result(tmp_path)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LoadTestError, match="--out"):
        new_run_folder(tmp_path / "file")
