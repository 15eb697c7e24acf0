import json
import os
from pathlib import Path

import pytest
import torch

from models.bench import LEAST_ROUNDS, main, measure_rounds, offline_texts, steady
from models.card import read_card
from models.classifier import length_sorted_batches
from models.comparison import control_verdict, read_result
from models.controls import AGAIN, EAGER, PLAIN, Row
from models.dataset import Dataset
from models.store import read_build
from models.tokenization import Tokenizer

FIGURES = {"p50_ms", "p95_ms", "p99_ms", "mean_ms", "texts_per_s"}


def test_one_run_measures_all_variants_and_controls(built: Path, dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("model2vec", reason="the static embeddings' row is made by model2vec")
    file = tmp_path / "results" / "tiny.json"
    code = main(["--variants", str(built), "--rounds", str(LEAST_ROUNDS), "--texts", "5", "--out", str(file)])
    printed = capsys.readouterr().out
    result = read_result(file)
    build = read_build(built)
    assert list(result["rows"])[: len(build.variants)] == list(build.variants)
    assert {result["denominator"], result["control"], result["eager"]} == {PLAIN, AGAIN, EAGER} <= result["rows"].keys()
    for name, row in result["rows"].items():
        assert [round_.keys() for round_ in row["rounds"]] == [FIGURES] * LEAST_ROUNDS
        assert all(value > 0 for round_ in row["rounds"] for value in round_.values())
        assert 0 <= row["accuracy"]["low"] <= row["accuracy"]["value"] <= row["accuracy"]["high"] <= 1
        assert row["offline_texts"] == len(dataset.test)
        assert name in printed
    forms = {row["form_of"]: row for row in result["rows"].values() if "form_of" in row}
    assert set(forms) == {name for name in build.variants if any("quantize" in entry for entry in read_card(built / name).passes)} != set()
    assert all(name in printed and row["invariance"].keys() for name, row in forms.items())
    for name in build.variants:
        card, row = read_card(built / name), result["rows"][name]
        assert (row["version"], row["bytes"], row["accuracy"]["value"]) == (card.version, card.bytes, card.accuracy.value)
        assert row["gate"] == (card.gate.model_dump(mode="json") if card.gate else None)
        assert row["changed_answers"] == 0
    assert result["rows"][PLAIN]["accuracy"] == result["rows"]["teacher"]["accuracy"]
    conditions = result["conditions"]
    assert conditions["dataset"] == dataset.describe()
    assert (conditions["build_id"], conditions["rounds"], conditions["texts"], conditions["machine"]["threads"]) == (build.build_id, LEAST_ROUNDS, 5, 1)
    assert json.loads(printed.splitlines()[-1])["times_as_fast"].keys() == result["rows"].keys()
    assert code == (0 if control_verdict(result).holds else 1)
    assert [path.name for path in file.parent.iterdir()] == [file.name], "a draft was left"


def test_rounds_rotate_and_turn_round(dataset: Dataset) -> None:
    turns: list[str] = []

    def row(name: str) -> Row:
        return Row(name, lambda texts: (turns.append(name), list(texts))[1], {})

    rows = [row(name) for name in "abcd"]
    taken = measure_rounds(rows, ["x"], {name: ["x"] for name in "abcd"}, 4)
    order = [name for place, name in enumerate(turns) if place == 0 or turns[place - 1] != name]
    assert "".join(order) == "abcd" + "adcb" + "cdab" + "cbad"
    assert all(len(rounds) == 4 for rounds in taken.values())


def test_a_slow_row_meets_whole_batches_of_the_test_set(tokenizer: Tokenizer) -> None:
    texts = [" ".join(["please"] * (1 + number % 40)) + f" {'x' * (number % 7)}" for number in range(32 * 12 + 5)]
    batches = [[texts[row] for row in rows] for rows in length_sorted_batches(tokenizer.encode(texts)[0], 32)]
    some = offline_texts(texts, tokenizer, 4)
    assert len(some) == 4 * 32
    assert [some[start : start + 32] for start in range(0, len(some), 32)] == [batches[place] for place in (1, 4, 8, 11)]
    assert offline_texts(texts, tokenizer, None) == offline_texts(texts, tokenizer, 13) == texts


def test_one_thread_for_all_while_it_is_measured() -> None:
    before = torch.get_num_threads(), os.environ.get("TOKENIZERS_PARALLELISM")
    with steady():
        assert torch.get_num_threads() == 1
        assert os.environ["TOKENIZERS_PARALLELISM"] == "false"
    assert (torch.get_num_threads(), os.environ.get("TOKENIZERS_PARALLELISM")) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--rounds", "2"], "error: --rounds is 2; expected at least 3"),
        (["--texts", "0"], "error: --texts is 0; expected at least 1"),
        (["--variants", "nowhere"], "run 'python -m models.build' first"),
        (["--dataset", "embedded"], "is not the one that"),
        (["--dataset", "nowhere.csv"], "error: data set 'nowhere.csv': no such file or folder"),
    ],
)
def test_errors_are_one_sentence(built: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    assert main([*(["--variants", str(built)] if "--variants" not in arguments else []), *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_weights_that_were_removed_are_asked_for(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in (copied / ".steps").iterdir():
        folder.rename(copied / folder.name)
    assert main(["--variants", str(copied)]) == 2
    assert "run 'python -m models.build' again" in capsys.readouterr().err
