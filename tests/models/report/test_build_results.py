import json
from pathlib import Path

import pytest

from models.report.build_results import read_build_results
from models.runtime.errors import BonsaiError
from models.runtime.store import CORPUS_FILE, read_build


def test_findings_are_what_the_files_say(built: Path) -> None:
    results = read_build_results(built)
    rows = [json.loads(line) for line in (built / CORPUS_FILE).read_text(encoding="utf-8").splitlines()]
    assert [result.name for result in results.variants] == list(read_build(built).variants)
    assert results.teacher.name == "teacher"
    assert [(text, results.labels[gold]) for text, gold in zip(results.texts, results.gold, strict=True)] == [
        (row["text"], row["label"]) for row in rows
    ]
    for result in results.variants:
        assert [results.labels[number] for number in result.predictions.given] == [
            row["expected"][result.name] for row in rows
        ]
        assert float((result.predictions.labels == results.gold).mean()) == result.card.accuracy.value


def test_a_text_with_any_kind_of_line_end_stays_one_row(copied: Path) -> None:
    rows = [json.loads(line) for line in (copied / CORPUS_FILE).read_text(encoding="utf-8").splitlines()]
    texts = [f"{row['text']} \u2028 \u0085 \r\n end" for row in rows]
    lines = [
        json.dumps({**row, "text": text}, ensure_ascii=False) + "\n" for row, text in zip(rows, texts, strict=True)
    ]
    (copied / CORPUS_FILE).write_text("".join(lines), encoding="utf-8")
    assert read_build_results(copied).texts == texts


@pytest.mark.parametrize("file", [CORPUS_FILE, "int8/evidence.json", "int8/measured.json", "teacher/config.json"])
@pytest.mark.parametrize("content", [None, "", "{", "{}"])
def test_a_broken_file_is_said_in_one_line(copied: Path, file: str, content: str | None) -> None:
    (copied / file).unlink()
    if content is not None:
        (copied / file).write_text(content)
    with pytest.raises(BonsaiError, match=r"run 'python -m models\.build' again$") as error:
        read_build_results(copied)
    assert "\n" not in str(error.value)


def test_a_folder_of_another_build_is_refused(copied: Path) -> None:
    card = json.loads((copied / "int8" / "card.json").read_text())
    (copied / "int8" / "card.json").write_text(json.dumps({**card, "version": "0" * 12}))
    with pytest.raises(BonsaiError, match="int8' belongs to another build"):
        read_build_results(copied)
