import json
import logging
from collections import Counter
from pathlib import Path

import pytest

from models.runtime.errors import BonsaiError
from models.runtime.loading import load_variants
from models.runtime.store import read_build
from service.variants.startup import CORPUS_FILE, MOST_TEXTS, Row, StartupCheck, check, read_rows, refuse_differing


def write(folder: Path, labels: list[str]) -> Path:
    rows = [
        {"text": f"text {number}", "label": label, "expected": {"int8": label}} for number, label in enumerate(labels)
    ]
    (folder / CORPUS_FILE).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def test_a_small_corpus_is_read_whole(built: Path) -> None:
    texts = [json.loads(line)["text"] for line in (built / CORPUS_FILE).read_text(encoding="utf-8").splitlines()]
    assert sorted(row.text for row in read_rows(built)) == sorted(texts)


@pytest.mark.parametrize("labels", [2, 30, MOST_TEXTS, 77, 500])
@pytest.mark.parametrize("ordered", [True, False])
def test_a_large_one_gives_the_same_few_texts_of_as_many_labels_as_can_be(
    tmp_path: Path, labels: int, ordered: bool
) -> None:
    given = [f"label {number * labels // 5000 if ordered else number % labels}" for number in range(5000)]
    rows = read_rows(write(tmp_path, given))
    assert rows == read_rows(tmp_path)
    assert len({row.text for row in rows}) == MOST_TEXTS
    counts = Counter(row.label for row in rows)
    assert len(counts) >= min(labels, MOST_TEXTS) * 0.9  # evenly spaced lines may step over a label of few rows
    assert max(counts.values()) - min(counts.values()) <= 1
    assert all(given[int(row.text.split()[1])] == row.label for row in rows)


def test_a_rare_label_is_asked_about(tmp_path: Path) -> None:
    assert {row.label for row in read_rows(write(tmp_path, ["common"] * 400 + ["rare"]))} == {"common", "rare"}


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"\n\n",
        b"{",
        b"[]\n",
        b'{"text": 1, "label": "a", "expected": {}}\n',
        b"\xff\xfe\n",
        rb'{"text": "\ud800", "label": "a", "expected": {}}',
    ],
)
def test_without_a_corpus_nothing_is_asked_and_nothing_fails(
    tmp_path: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    if content is not None:
        (tmp_path / CORPUS_FILE).write_bytes(content)
    with caplog.at_level(logging.INFO, "bentoml.bonsai"):
        assert read_rows(tmp_path) == []
    assert [record.getMessage().startswith("no start-up check: ") for record in caplog.records] == [True]


def test_variants_give_the_labels_of_the_build_and_any_other_is_counted(built: Path) -> None:
    variants = load_variants({name: built / name for name in read_build(built).variants})
    rows = read_rows(built)
    for name, (_, predictor) in variants.items():
        assert check(name, predictor, rows) == StartupCheck(len(rows), 0)
        spoiled = [
            row if number % 3 else row.model_copy(update={"expected": {name: "another"}})
            for number, row in enumerate(rows)
        ]
        assert check(name, predictor, spoiled) == StartupCheck(len(rows), -(-len(rows) // 3))


def test_a_variant_that_the_corpus_does_not_know_is_asked_nothing(built: Path) -> None:
    _, predictor = load_variants({"int8": built / "int8"})["int8"]
    assert check("int8", predictor, [Row(text="where", label="late", expected={"teacher": "late"})]) == StartupCheck(
        0, 0
    )


def test_the_refusal_names_who_differs() -> None:
    refuse_differing({"teacher": StartupCheck(48, 0), "int8": StartupCheck(1, 0)})
    with pytest.raises(BonsaiError, match=r"^corpus.jsonl has no test text for 'int8', and BONSAI_STRICT is 1; "):
        refuse_differing({"teacher": StartupCheck(48, 0), "int8": StartupCheck(0, 0)})
    with pytest.raises(
        BonsaiError,
        match=(
            r"^'int8' gives 3 of 48 test texts another label than when it was built, "
            r"and BONSAI_STRICT is 1; "
        ),
    ):
        refuse_differing({"teacher": StartupCheck(48, 0), "int8": StartupCheck(48, 3)})
