"""A replay says what the running experiment would have said."""

import json
from pathlib import Path

import numpy as np
import pytest

from service.evidence.difference import Verdict
from service.experiments.__main__ import main
from service.experiments.errors import Invalid
from service.experiments.replay import read_labelled, replay


def labels(n: int, control_only: float, arm_only: float) -> tuple[list[str], dict[str, list[str]]]:
    draws = np.random.default_rng(0).random(n)
    control = ["b" if control_only <= draw < control_only + arm_only else "a" for draw in draws]
    arm = ["b" if draw < control_only else "a" for draw in draws]
    return ["a"] * n, {"teacher": control, "nano": arm}


def test_a_worse_arm_is_found_early_in_any_order() -> None:
    truth, given = labels(3_000, 0.08, 0.02)
    found = replay(truth, given, margin=0.01, alpha=0.05, shuffles=20)[0]
    assert found.paired.verdict is Verdict.WORSE
    assert found.decided == 1.0
    assert found.labels is not None
    few, usual, many = found.labels
    assert few <= usual <= many < 1_500


def test_arms_that_agree_need_no_labels() -> None:
    truth, given = labels(3_000, 0.0, 0.0)
    found = replay(truth, given, margin=0.01, alpha=0.05, shuffles=3)[0]
    assert found.label_free.verdict is Verdict.NOT_WORSE


def test_few_texts_come_to_no_verdict_and_say_how_many_more() -> None:
    truth, given = labels(100, 0.02, 0.01)
    found = replay(truth, given, margin=0.01, alpha=0.05, shuffles=5)[0]
    assert found.labels is None
    assert found.decided == 0.0
    assert found.paired.further is not None


def test_both_formats_are_read_alike(tmp_path: Path) -> None:
    rows = [("where is it", "late"), ('a "quoted", text', "cancel")]
    (tmp_path / "x.jsonl").write_text(
        "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows)
    )
    (tmp_path / "x.csv").write_text('text,label\nwhere is it,late\n"a ""quoted"", text",cancel\n')
    (tmp_path / "x.json").write_text(json.dumps([{"text": text, "label": label} for text, label in rows], indent=1))
    first, second, third = (read_labelled(tmp_path / name) for name in ("x.jsonl", "x.csv", "x.json"))
    assert first == second == third
    assert first.labels == ["late", "cancel"]


def test_a_line_ends_where_json_lines_do(tmp_path: Path) -> None:
    rows = [{"text": "copied\u2028from a page\u0085", "label": "a"}, {"text": "b", "label": "b"}]
    file = tmp_path / "x.jsonl"
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\r\n" for row in rows), encoding="utf-8", newline="")
    assert read_labelled(file).texts == [row["text"] for row in rows]


@pytest.mark.parametrize(
    "name, content",
    [
        ("x.jsonl", "{"),
        ("x.jsonl", '{"text": "a"}'),
        ("x.csv", "a,b\n1,2\n"),
        ("x.csv", ""),
        ("x.jsonl", "3"),
        ("x.jsonl", "[" * 100_000),
        ("x.jsonl", '{"text": "a", "label": ' + "9" * 5000 + "}"),
        ("x.jsonl", '{"text": "\\ud800", "label": "a"}'),
        ("x.jsonl", '{"text": "a", "label": true}'),
        ("x.jsonl", '{"text": "a", "label": "x", "label": "y"}'),
        ("x.csv", "text,text,label\na,b,c\n"),
        ("x.json", "[3]"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(Invalid, match=name):
        read_labelled(tmp_path / name)
    with pytest.raises(Invalid, match="cannot be read"):
        read_labelled(tmp_path / "nowhere.csv")


def test_a_row_with_more_fields_than_columns_is_named(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("label,text\na,yes\nb,no, thanks\n")
    with pytest.raises(Invalid, match=r"x.csv', row 2: there are more fields than columns; expected quotes around"):
        read_labelled(file)


@pytest.mark.parametrize("given", [["--margin", "1e-7"], ["--alpha", "1e-300"], ["--margin", "nan"]])
def test_what_no_float_can_tell_from_nothing_is_refused(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--texts", "x.csv", "--arms", "teacher,nano", *given]) == 2
    assert "expected --margin from 1e-06 on and below 100, --alpha from 1e-06 to 0.5" in capsys.readouterr().err


def test_the_command_compares_real_variants(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus = built / "corpus.jsonl"
    options = ["--texts", str(corpus), "--variants", str(built)]
    assert main(["replay", *options, "--arms", "teacher,int8,trimmed", "--shuffles", "5"]) == 0
    shown = capsys.readouterr().out
    assert "control 'teacher'" in shown
    assert "int8: " in shown
    for arms in ("teacher", "teacher,teacher", "teacher,bert"):
        assert main(["replay", *options, "--arms", arms]) == 2
        assert "error: " in capsys.readouterr().err
