import json
from pathlib import Path

import pytest

from loadtest.errors import LoadTestError
from loadtest.numbers.result import SCHEMA, Against, Result
from loadtest.numbers.run_folder import new_run_folder, point_latest, read_result, write_result


def test_what_is_written_is_read_and_nothing_else_is_left(tmp_path: Path, good_result: Result) -> None:
    result = good_result.model_copy(deep=True)
    result.variants["int8"].failures, result.variants["tiny"].failures = {"late": 2, "5xx": 1}, {"late": 1}
    write_result(tmp_path, result)
    write_result(tmp_path, result)
    assert read_result(tmp_path) == result
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]
    assert result.total_failures() == 4


def test_a_result_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, good_result: Result) -> None:
    write_result(tmp_path, good_result)
    broken = good_result.model_copy(deep=True)
    broken.run.seconds = float("nan")
    with pytest.raises(LoadTestError, match="JSON"):
        write_result(tmp_path, broken)
    assert read_result(tmp_path) == good_result
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]


def test_a_file_of_before_there_were_versions_is_read_and_one_of_a_later_version_is_refused(
    tmp_path: Path, good_result: Result
) -> None:
    write_result(tmp_path, good_result)
    file = tmp_path / "result.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    assert content.pop("schema_version") == SCHEMA
    file.write_text(json.dumps(content), encoding="utf-8")
    assert read_result(tmp_path).variants == good_result.variants
    file.write_text(json.dumps(content | {"schema_version": SCHEMA + 1}), encoding="utf-8")
    with pytest.raises(
        LoadTestError,
        match=f"has schema version {SCHEMA + 1}, this code reads up to {SCHEMA}; draw it with the version",
    ):
        read_result(tmp_path)


def test_a_part_that_cannot_be_is_named(tmp_path: Path, good_result: Result) -> None:
    write_result(tmp_path, good_result)
    file = tmp_path / "result.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    content["variants"]["int8"]["scenarios"]["SingleStream"]["rounds"][1]["requests"] = "many"
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(
        LoadTestError,
        match=(
            r"no result \(variants\.int8\.scenarios\.SingleStream\.rounds\.1\.requests: .*\); 'python -m "
            r"loadtest\.run' makes one"
        ),
    ):
        read_result(tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("seconds", 0, "a round of 0 seconds"),
        ("seconds", "nan", "a round of nan seconds"),
        ("histogram", "AAAA", "a histogram that cannot be read"),
        ("histogram", "not base64 at all", "a histogram that cannot be read"),
    ],
)
def test_a_round_that_no_figure_can_be_made_of_is_no_result(
    tmp_path: Path, good_result: Result, key: str, value: object, said: str
) -> None:
    write_result(tmp_path, good_result)
    file = tmp_path / "result.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    content["variants"]["int8"]["scenarios"]["SingleStream"]["rounds"][1][key] = value
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(LoadTestError, match=rf"no result \({said}"):
        read_result(tmp_path)


def test_the_other_service_has_the_same_variants(tmp_path: Path, good_result: Result) -> None:
    one_less = {name: variant for name, variant in good_result.variants.items() if name != "int8"}
    compared = good_result.model_copy(update={"against": Against(host="http://x", variants=one_less)})
    write_result(tmp_path, compared)
    with pytest.raises(LoadTestError, match="against: it has other variants than the run"):
        read_result(tmp_path)


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
    assert not list(tmp_path.glob(".latest*"))


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadTestError, match=r"python -m loadtest\.run"):
        read_result(tmp_path)
    for content in ("{", "[]", "{}", "3", "[" * 100_000):
        (tmp_path / "result.json").write_text(content)
        with pytest.raises(LoadTestError):
            read_result(tmp_path)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LoadTestError, match="--out"):
        new_run_folder(tmp_path / "file")
