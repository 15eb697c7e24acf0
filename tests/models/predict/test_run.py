"""Every format into every other, with the answers that the variant gives; what cannot be done is said in a sentence."""

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from models.predict import unfinished
from models.predict.run import Options, predict
from models.predict.unfinished import folder_of
from models.predict.variant import find_variant, open_variant
from models.predict.work import Done, Work
from models.runtime.card import read_card
from models.runtime.errors import BonsaiError
from tests.models.predict.running import FORMATS, ROWS, TEXTS, in_turn, read, run, write


@pytest.fixture(scope="module")
def expected(built: Path) -> list[dict[str, object]]:
    predictor = open_variant(find_variant("int8", built))
    version = read_card(built / "int8").version
    answers = predictor.predict([row["text"] for row in ROWS])
    return [
        {**row, "label": answer.label, "score": round(answer.top[0][1], 6), "variant": "int8", "version": version}
        for row, answer in zip(ROWS, answers, strict=True)
    ]


@pytest.mark.parametrize("into", FORMATS)
@pytest.mark.parametrize("of", FORMATS)
def test_rows_keep_their_columns_and_their_order(
    built: Path, tmp_path: Path, expected: list[dict[str, object]], of: str, into: str
) -> None:
    source, target = write(tmp_path / f"in.{of}"), tmp_path / f"out.{into}"
    assert run(built, source, target).rows == len(ROWS)
    for row, wanted in zip(read(target), expected, strict=True):
        assert {**row, "score": pytest.approx(row["score"], abs=2e-6)} == wanted
    assert sorted(tmp_path.iterdir()) == sorted([source, target])


def test_a_cascade_answers_as_it_does_alone(built: Path, tmp_path: Path) -> None:
    run(built, write(tmp_path / "in.csv"), tmp_path / "out.csv", "cascade")
    answers = open_variant(find_variant("cascade", built)).predict([row["text"] for row in ROWS])
    assert [row["label"] for row in read(tmp_path / "out.csv")] == [answer.label for answer in answers]


def test_a_folder_is_a_variant(built: Path, tmp_path: Path) -> None:
    run(built, write(tmp_path / "in.csv"), tmp_path / "by_name.csv")
    run(tmp_path, tmp_path / "in.csv", tmp_path / "by_folder.csv", str(built / "int8"))
    assert (tmp_path / "by_name.csv").read_bytes() == (tmp_path / "by_folder.csv").read_bytes()


@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_followed(built: Path, tmp_path: Path, there: bool) -> None:
    source, real, link = write(tmp_path / "in.csv"), tmp_path / "data" / "real.csv", tmp_path / "out.csv"
    real.parent.mkdir()
    if there:
        real.write_text("old")
    link.symlink_to(real)
    run(built, source, link, force=there)
    assert link.is_symlink() and len(read(real)) == len(ROWS)


@pytest.mark.parametrize("column", ["text", "other"])
def test_a_field_may_be_long_in_the_first_row(built: Path, tmp_path: Path, column: str) -> None:
    row = {"text": "where is my parcel", "other": "x", column: "word " * 30_000}
    (tmp_path / "in.csv").write_text(f'text,other\n"{row["text"]}","{row["other"]}"\n')
    assert run(built, tmp_path / "in.csv", tmp_path / "out.csv").rows == 1


@pytest.mark.parametrize("into", ["csv", "jsonl", "parquet"])
def test_several_labels_come_most_likely_first(built: Path, tmp_path: Path, into: str) -> None:
    run(built, write(tmp_path / "in.jsonl"), tmp_path / f"out.{into}", top_k=3, prefix="got_")
    for row in read(tmp_path / f"out.{into}"):
        assert list(row)[2:] == [
            *("got_label", "got_score", "got_label_2", "got_score_2", "got_label_3", "got_score_3"),
            *("got_variant", "got_version"),
        ]
        assert row["got_score"] >= row["got_score_2"] >= row["got_score_3"]
        assert len({row["got_label"], row["got_label_2"], row["got_label_3"]}) == 3


def test_json_lines_stay_as_they_are_written(built: Path, tmp_path: Path) -> None:
    line = '{"n": 123456789012345678901234567890, "x": 1.10, "deep": {"a": [1, null]},  "text": "where is my parcel"}'
    (tmp_path / "in.jsonl").write_text(line + "\n\n" + line)
    run(built, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    written = (tmp_path / "out.jsonl").read_text().splitlines()
    assert len(written) == 2 and all(one.startswith(line[:-1] + ',"label":"') for one in written)
    run(built, tmp_path / "in.jsonl", tmp_path / "out.csv")
    assert read(tmp_path / "out.csv")[0]["n"] == "123456789012345678901234567890"


def test_types_of_parquet_stay(built: Path, tmp_path: Path) -> None:
    rows = [{"id": number, "share": number / 7, "tags": ["a"], "text": TEXTS[0]} for number in range(9)]
    run(built, write(tmp_path / "in.parquet", rows), tmp_path / "out.parquet")
    assert [{key: row[key] for key in rows[0]} for row in read(tmp_path / "out.parquet")] == rows
    run(built, tmp_path / "in.parquet", tmp_path / "out.jsonl")
    assert [{key: row[key] for key in rows[0]} for row in read(tmp_path / "out.jsonl")] == rows
    run(built, tmp_path / "out.jsonl", tmp_path / "again.parquet", prefix="second_")
    assert [{key: row[key] for key in rows[0]} for row in read(tmp_path / "again.parquet")] == rows


@pytest.mark.parametrize("later", ['{"a": 1, "b": 2}', '{"c": 3}', '[{"b": 1}]', "true"])
def test_nothing_of_a_value_is_lost_to_the_type_of_the_first_rows(built: Path, tmp_path: Path, later: str) -> None:
    first = {"true": "0.5", '[{"b": 1}]': '[{"a": 1}]'}.get(later, '{"a": 1}')
    rows = [f'{{"text": "my parcel", "meta": {value}}}\n' for value in (*[first] * 9000, later)]
    (tmp_path / "in.jsonl").write_text("".join(rows))
    with pytest.raises(BonsaiError, match=r"the column 'meta' is of the type .* in its first rows, and of another"):
        run(built, tmp_path / "in.jsonl", tmp_path / "out.parquet")


def test_files_behind_one_another_are_one(built: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "a"}\n\ufeff{"text": "b"}\n', encoding="utf-8")
    for into in ("csv", "jsonl", "parquet"):
        run(built, tmp_path / "in.jsonl", tmp_path / f"out.{into}")
        assert [row["text"] for row in read(tmp_path / f"out.{into}")] == ["a", "b"]
    assert "\ufeff" not in (tmp_path / "out.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize("prefix", ["score_", "label", "scored"])
def test_a_prefix_changes_no_type(built: Path, tmp_path: Path, prefix: str) -> None:
    run(built, write(tmp_path / "in.csv", ROWS[:9]), tmp_path / "out.parquet", prefix=prefix, top_k=2)
    (row, *_) = read(tmp_path / "out.parquet")
    assert [type(row[prefix + name]) for name in ("label", "score", "label_2", "score_2", "version")] == [
        str, float, str, float, str,
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "content"), [("in.csv", "id,text\n"), ("in.jsonl", "")])
@pytest.mark.parametrize("into", ["csv", "jsonl", "parquet"])
def test_no_rows_give_no_rows(built: Path, tmp_path: Path, name: str, content: str, into: str) -> None:
    (tmp_path / name).write_text(content)
    assert run(built, tmp_path / name, tmp_path / f"out.{into}").rows == 0
    assert read(tmp_path / f"out.{into}") == []


BAD = {
    "no such file": ("in.csv", None, {}, "is not there"),
    "a folder": (".", None, {}, "is a folder"),
    "a suffix": ("in.xlsx", "text\na", {}, "unknown file type '.xlsx'; expected one of .csv"),
    "zipped parquet": ("in.parquet.gz", "x", {}, "unknown file type '.parquet.gz'"),
    "nothing at all": ("in.csv", "", {}, "in.csv: empty"),
    "no column": ("in.csv", "id,words\n1,a\n", {}, "no text column; its columns are id, words; expected one of text"),
    "a column asked for": ("in.csv", "id,text\n1,a\n", {"text_column": "words"}, "'words', as asked for"),
    "a taken name": ("in.csv", "text,label\na,b\n", {}, "a column 'label' is there already; give the new ones other"),
    "a taken key": (
        "in.jsonl",
        '{"text": "a"}\n' * 2000 + '{"text": "b", "score": 1}',
        {},
        "line 2001: the key 'score'",
    ),
    "doubles": ("in.csv", "text,id,id\na,1,2\n", {}, "two columns are called 'id'"),
    "too many fields": ("in.csv", "id,text\n1,a\n2,b,c\n", {}, "in.csv, line 3: 3 fields; expected 2"),
    "an empty text": ("in.csv", 'id,text\n1,"a\nb"\n2, \n', {}, "in.csv, line 4: the text is empty"),
    "no end": (
        "in.csv",
        'id,text\n1,a\n2,"b\n3,c\n',
        {},
        "in.csv, line 3: the quote that opens in this row has no end",
    ),
    "no JSON": ("in.jsonl", '{"text": "a"}\n{"text": "b"\n', {}, "in.jsonl, line 2: not JSON"),
    "an array": ("in.jsonl", '[{"text": "a"}]\n', {}, "expected one object a line"),
    "a number": ("in.jsonl", '{"text": "a"}\n{"text": 7}\n', {}, "in.jsonl, line 2: the text is 7"),
    "a name twice": (
        "in.jsonl",
        '{"text": "a"}\n{"text": "b", "text": "c"}\n',
        {},
        "line 2: not usable as JSON (the key 'text' comes twice",
    ),
    "half a pair": ("in.jsonl", '{"text": "a"}\n{"text": "\\ud800"}\n', {}, "line 2: the text holds half a surrogate"),
    "no Parquet": ("in.parquet", "PAR1", {}, "not a readable Parquet file"),
    "no gzip": ("in.csv.gz", "id,text\n", {}, "cannot be read to its end"),
    "no UTF-8": ("in.csv", b"id,text\n1,a\n2,\xff\n", {}, "line 3: not UTF-8"),
    "a zero": ("in.csv", b"id,text\n1,a\n2,\0\n", {}, "line 3: a zero byte"),
    "labels": ("in.csv", "text\na\n", {"top_k": 5}, "--top-k is 5; expected 1 to 4"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_a_sentence(built: Path, tmp_path: Path, case: str) -> None:
    name, content, options, said = BAD[case]
    if content is not None:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BonsaiError) as found:
        run(built, tmp_path / name, tmp_path / "out.csv" if "key" not in case else tmp_path / "out.jsonl", **options)
    assert said in str(found.value) and "\n" not in str(found.value)
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("variant", ["none", "nano/..", "."])
def test_an_unknown_variant_lists_those_there_are(built: Path, tmp_path: Path, variant: str) -> None:
    with pytest.raises(BonsaiError, match=r"expected one of cascade, distilled, .*, or a variant's folder"):
        run(built, write(tmp_path / "in.csv"), tmp_path / "out.csv", variant)
    with pytest.raises(BonsaiError, match=r"run 'python -m models.build' first, or name its folder with --out-of"):
        run(tmp_path, tmp_path / "in.csv", tmp_path / "out.csv", variant)


def test_names_that_no_file_can_have_are_a_sentence(built: Path, tmp_path: Path) -> None:
    long, source = "a" * 300, write(tmp_path / "in.csv")
    for given in (
        (source, tmp_path / "out.csv", long),
        (tmp_path / f"{long}.csv", tmp_path / "out.csv"),
        (source, tmp_path / f"{long}.csv"),
    ):
        with pytest.raises(BonsaiError, match=r"cannot be looked at \(File name too long\); expected a variant"):
            run(built, *given)


def test_a_file_is_not_written_over_unless_asked(built: Path, tmp_path: Path) -> None:
    source, target = write(tmp_path / "in.csv"), tmp_path / "out.csv"
    target.write_text("mine")
    with pytest.raises(BonsaiError, match="replace it with --force"):
        run(built, source, target)
    assert target.read_text() == "mine"
    run(built, source, target, force=True)
    assert len(read(target)) == len(ROWS)
    with pytest.raises(BonsaiError, match="input and output at once"):
        run(built, source, source, force=True)
    with pytest.raises(BonsaiError, match="in a folder that is there"):
        run(built, source, tmp_path / "none" / "out.csv")


def test_unusable_rows_are_left_out_and_counted(built: Path, tmp_path: Path) -> None:
    rows = [{"id": number, "text": "" if number % 3 == 1 else "my parcel"} for number in range(9)]
    for kind in ("csv", "jsonl", "parquet"):
        source = write(tmp_path / f"in.{kind}", rows)
        place = run(built, source, tmp_path / f"out.{kind}", skip_unusable=True)
        assert (place.rows, place.unusable) == (6, 3)
        assert place.first == f"in.{kind}, {'row' if kind == 'parquet' else 'line'} {3 if kind == 'csv' else 2}: " + (
            "the text is empty; expected a non-empty string"
        )
        assert [int(row["id"]) for row in read(tmp_path / f"out.{kind}")] == [0, 2, 3, 5, 6, 8]


class Killed(BaseException):
    """What ends a run without its leave."""


@pytest.mark.parametrize(
    ("name", "into"),
    [("in.csv", "csv"), ("in.jsonl", "parquet"), ("in.parquet", "jsonl.gz"), ("in.csv.gz", "parquet")],
)
def test_a_run_goes_on_where_another_ended(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, into: str
) -> None:
    monkeypatch.setattr(unfinished, "EVERY_S", 0.0)
    source = write(tmp_path / name, ROWS * 30)
    run(built, source, tmp_path / f"whole.{into}")
    target, begun = tmp_path / f"out.{into}", []

    def ends(work: Work, at: int, line: int) -> Iterator[Done]:
        begun.append(at)
        for number, done in enumerate(in_turn(work, at, line)):
            if number == 3:
                raise Killed
            yield done

    for _ in range(60):
        try:
            predict("int8", source, target, Options(built), ends)
            break
        except Killed:
            assert not target.exists()
    assert len(begun) > 2 and begun == sorted(set(begun))
    assert target.read_bytes() == (tmp_path / f"whole.{into}").read_bytes()
    assert not folder_of(target).exists()


def test_another_job_does_not_go_on(built: Path, tmp_path: Path) -> None:
    source, target = write(tmp_path / "in.csv"), tmp_path / "out.csv"

    def killed(work: Work, at: int, line: int) -> Iterator[Done]:
        yield from in_turn(work, at, line)
        raise Killed

    with pytest.raises(Killed):
        predict("int8", source, target, Options(built), killed)
    with pytest.raises(
        BonsaiError, match=r"the beginning of another run \(variant, version differ\); remove it, or begin"
    ):
        run(built, source, target, "distilled")
    os.utime(source, (1, 1))
    with pytest.raises(BonsaiError, match=r"input's time differ"):
        run(built, source, target)
    run(built, source, target, "distilled", force=True)
    assert {row["variant"] for row in read(target)} == {"distilled"}


@pytest.mark.parametrize("into", ["csv", "parquet"])
def test_a_run_that_was_killed_at_its_very_end_is_finished(built: Path, tmp_path: Path, into: str) -> None:
    source, target = write(tmp_path / "in.csv"), tmp_path / f"out.{into}"
    folder, jobs = folder_of(target), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unfinished.shutil, "rmtree", lambda place: jobs.append(place))
        run(built, source, target)
    assert jobs == [folder] and folder.is_dir() and target.exists()
    written = target.read_bytes()
    assert run(built, source, target).rows == len(ROWS)
    assert target.read_bytes() == written and not folder.exists()


def test_a_full_disk_is_a_sentence_and_loses_nothing(built: Path, tmp_path: Path) -> None:
    source, target = write(tmp_path / "in.csv", ROWS * 30), tmp_path / "out.csv"

    def full(work: Work, at: int, line: int) -> Iterator[Done]:
        for number, done in enumerate(in_turn(work, at, line)):
            if number == 2:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            yield done

    with pytest.raises(BonsaiError, match=r"No space left on device.*make room and run the same command again"):
        predict("int8", source, target, Options(built), full)
    run(built, source, target)
    assert len(read(target)) == 30 * len(ROWS)


def test_a_cut_journal_is_read_up_to_its_last_whole_line(built: Path, tmp_path: Path) -> None:
    source, target = write(tmp_path / "in.csv", ROWS * 30), tmp_path / "out.csv"

    def ends(work: Work, at: int, line: int) -> Iterator[Done]:
        for number, done in enumerate(in_turn(work, at, line)):
            if number == 3:
                raise Killed
            yield done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unfinished, "EVERY_S", 0.0)
        with pytest.raises(Killed):
            predict("int8", source, target, Options(built), ends)
    journal = folder_of(target) / unfinished.JOURNAL
    entries = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(entries[:-1]) + entries[-1][:9])
    with (folder_of(target) / unfinished.ROWS).open("ab") as rows:
        rows.write(b"half a ro")
    run(built, source, target)
    run(built, source, tmp_path / "whole.csv")
    assert target.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert json.loads(entries[0])["rows"] > 0


def test_no_other_run_comes_between_the_last_row_and_the_output(built: Path, tmp_path: Path) -> None:
    source, target = write(tmp_path / "in.csv"), tmp_path / "out.csv"
    publish = unfinished.publish

    def second(finished: Path, to: Path) -> None:
        with pytest.raises(BonsaiError, match="another run is writing"):
            run(built, source, target, "distilled", force=True)
        publish(finished, to)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.predict.run.publish", second)
        run(built, source, target)
    assert {row["variant"] for row in read(target)} == {"int8"} and not folder_of(target).exists()


BYTES = pyarrow.array([b"a", b"\xff", b"c"], pyarrow.binary()).view(pyarrow.string())
DATES = pyarrow.array([0, 10**7, 0], pyarrow.int32()).view(pyarrow.date32())
TIMES = pyarrow.array([0, 10**15, 0], pyarrow.int64()).view(pyarrow.timestamp("ms"))


@pytest.mark.parametrize("column", [BYTES, DATES, TIMES], ids=["bytes", "dates", "times"])
@pytest.mark.parametrize("into", ["csv", "jsonl"])
def test_a_value_that_python_has_not_is_a_sentence_with_its_row(
    built: Path, tmp_path: Path, column: pyarrow.Array, into: str
) -> None:
    source, target = tmp_path / "in.parquet", tmp_path / f"out.{into}"
    parquet.write_table(pyarrow.table({"text": [" ", "b", "c"], "other": column}), source)
    with pytest.raises(BonsaiError, match=r"in.parquet, row 2: the column 'other' of the type .* cannot be read"):
        run(built, source, target, skip_unusable=True)
    assert not target.exists()


def test_half_a_surrogate_pair_in_another_column_is_a_sentence_with_its_line(built: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "a", "x": "\\u00e9"}\n\n{"text": "b", "x": ["\\ud800"]}\n')
    with pytest.raises(BonsaiError, match=r"in.jsonl, line 3: 'x' holds half a surrogate pair"):
        run(built, source, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()
    run(built, source, tmp_path / "out.jsonl")
    assert "\\ud800" in (tmp_path / "out.jsonl").read_text()
