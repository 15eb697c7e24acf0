import json
from pathlib import Path

import pytest

from models.corpus import CORPUS_FILE
from models.errors import BonsaiError
from models.findings import read_findings
from models.store import read_build


def test_findings_are_what_the_files_say(built: Path) -> None:
    findings = read_findings(built)
    rows = [json.loads(line) for line in (built / CORPUS_FILE).read_text(encoding="utf-8").splitlines()]
    assert [finding.name for finding in findings.variants] == list(read_build(built).variants)
    assert findings.teacher.name == "teacher"
    assert [(text, findings.labels[gold]) for text, gold in zip(findings.texts, findings.gold, strict=True)] == [(row["text"], row["label"]) for row in rows]
    for finding in findings.variants:
        assert [findings.labels[number] for number in finding.evidence.given] == [row["expected"][finding.name] for row in rows]
        assert float((finding.evidence.labels == findings.gold).mean()) == finding.card.accuracy.value


def test_a_text_with_any_kind_of_line_end_stays_one_row(copied: Path) -> None:
    rows = [json.loads(line) for line in (copied / CORPUS_FILE).read_text(encoding="utf-8").splitlines()]
    texts = [f"{row['text']} \u2028 \u0085 \r\n end" for row in rows]
    lines = [json.dumps({**row, "text": text}, ensure_ascii=False) + "\n" for row, text in zip(rows, texts, strict=True)]
    (copied / CORPUS_FILE).write_text("".join(lines), encoding="utf-8")
    assert read_findings(copied).texts == texts


@pytest.mark.parametrize("file", [CORPUS_FILE, "int8/evidence.json", "int8/measured.json", "teacher/config.json"])
@pytest.mark.parametrize("content", [None, "", "{", "{}"])
def test_a_broken_file_is_said_in_one_line(copied: Path, file: str, content: str | None) -> None:
    (copied / file).unlink()
    if content is not None:
        (copied / file).write_text(content)
    with pytest.raises(BonsaiError, match=r"run 'python -m models\.build' again$") as error:
        read_findings(copied)
    assert "\n" not in str(error.value)


def test_a_folder_of_another_build_is_refused(copied: Path) -> None:
    card = json.loads((copied / "int8" / "card.json").read_text())
    (copied / "int8" / "card.json").write_text(json.dumps({**card, "version": "0" * 12}))
    with pytest.raises(BonsaiError, match="int8' belongs to another build"):
        read_findings(copied)
