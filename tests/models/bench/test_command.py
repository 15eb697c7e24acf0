import json
import os
import shutil
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.bench.benchmark import ceiling_row, open_build
from models.bench.command import LEAST_ROUNDS, main
from models.bench.comparison import control_verdict, read_result
from models.bench.controls import AGAIN, EAGER, PLAIN, STATIC, TAUGHT, TFIDF, Row
from models.bench.ensemble import Ensemble
from models.bench.texts import FEW_BATCHES, FEW_TEXTS, Texts, choose_texts, spread
from models.bench.turns import measure_rounds, steady
from models.data.dataset import Dataset, Split
from models.prove.latency import Answer
from models.runtime.card import read_card
from models.runtime.classifier import BATCH
from models.runtime.store import read_build
from models.runtime.tokenization import Tokenizer

FIGURES = {"p50_ms", "p95_ms", "p99_ms", "mean_ms", "texts_per_s"}
CEILING = "the mean of 2 teachers"


def test_one_run_measures_all_variants_and_controls(
    built: Path, dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "results" / "tiny.json"
    code = main(["--variants", str(built), "--rounds", str(LEAST_ROUNDS), "--texts", "5", "--out", str(file)])
    printed = capsys.readouterr().out
    result = read_result(file)
    build = read_build(built)
    assert list(result["rows"])[: len(build.variants)] == list(build.variants)
    assert {result["denominator"], result["control"], result["eager"]} == {PLAIN, AGAIN, EAGER} <= result["rows"].keys()
    assert result["rows"][CEILING]["rounds"] == []
    for name, row in result["rows"].items():
        assert 0 <= row["accuracy"]["low"] <= row["accuracy"]["value"] <= row["accuracy"]["high"] <= 1
        assert name in printed
        if name == CEILING:
            continue
        assert [round_.keys() for round_ in row["rounds"]] == [
            FIGURES if row["few"] else {*FIGURES, "few"}
        ] * LEAST_ROUNDS
        assert all(
            round_[figure] > 0 for one in row["rounds"] for round_ in (one, one.get("few", one)) for figure in FIGURES
        )
        assert (row["texts"], row["offline_texts"]) == (5, len(dataset.test) - 5)
        assert row.get("accuracy_texts", len(dataset.test)) == (5 if row["few"] else len(dataset.test))
    if find_spec("model2vec"):
        assert result["left_out"] == {}
        assert {f"{TFIDF}{TAUGHT}", STATIC, f"{STATIC}{TAUGHT}"} <= result["rows"].keys()
    forms = {row["form_of"]: row for row in result["rows"].values() if "form_of" in row}
    assert (
        set(forms)
        == {name for name in build.variants if any("quantize" in entry for entry in read_card(built / name).passes)}
        != set()
    )
    assert all(name in printed and row["invariance"].keys() for name, row in forms.items())
    for name in build.variants:
        card, row = read_card(built / name), result["rows"][name]
        assert (row["version"], row["bytes"], row["accuracy"]["value"]) == (
            card.version,
            card.bytes,
            card.accuracy.value,
        )
        assert row["gate"] == (card.gate.model_dump(mode="json") if card.gate else None)
        assert row["changed_answers"] == 0
    assert result["rows"][PLAIN]["accuracy"] == result["rows"]["teacher"]["accuracy"]
    conditions = result["conditions"]
    assert conditions["dataset"] == dataset.describe()
    assert (conditions["build_id"], conditions["rounds"], conditions["texts"], conditions["machine"]["threads"]) == (
        build.build_id,
        LEAST_ROUNDS,
        5,
        1,
    )
    assert conditions["warmed_with"] == len(dataset.train)
    assert json.loads(printed.splitlines()[-1])["times_as_fast"].keys() == result["rows"].keys() - {CEILING}
    assert code == (0 if control_verdict(result).holds else 1)
    assert [path.name for path in file.parent.iterdir()] == [file.name], "a draft was left"


@dataclass
class Seen:
    """A row that notes what it is asked, opening by opening."""

    name: str
    few: bool = False
    turns: list[list[str]] = field(default_factory=list)

    def row(self, order: list[str]) -> Row:
        def opened() -> Answer:
            order.append(self.name)
            self.turns.append(asked := [])
            return lambda texts: (asked.extend(texts), list(texts))[1]

        return Row(self.name, opened, {}, self.few)


def test_rounds_rotate_and_turn_round() -> None:
    order: list[str] = []
    rows = [Seen(name).row(order) for name in "abcd"]
    taken = measure_rounds(rows, Texts(["w"], ["x"], ["y"], ["z"], []), 4)
    assert "".join(order) == "abcd" + "adcb" + "cdab" + "cbad"
    assert all(len(rounds) == 4 for rounds in taken.values())


@pytest.mark.parametrize("rows", [1, 4, 200, 400, 4000])
def test_no_turn_meets_a_text_that_it_is_timed_on_before(dataset: Dataset, tokenizer: Tokenizer, rows: int) -> None:
    texts = [" ".join(["please"] * (1 + number % 40)) + f" {number}" for number in range(rows)]
    data = replace(dataset, test=Split(texts, [0] * rows))
    chosen = Random(0).sample(range(rows), min(250, rows))
    whole, part = Seen("whole"), Seen("part", few=True)
    taken = choose_texts(data, chosen, tokenizer, 0)
    measure_rounds([whole.row([]), part.row([])], taken, 2)
    for one in (whole, part):
        warm = [text for text in one.turns[0] if text in dataset.train.texts]
        timed = one.turns[0][len(warm) :]
        assert warm == one.turns[0][: len(warm)] != [], "every turn warms up with training texts, before all else"
        assert one.turns == [one.turns[0]] * 2
        if rows > 1:
            assert len(set(timed)) == len(timed)
    assert set(part.turns[0]) <= set(whole.turns[0]), "a slow row is compared on texts that the others have too"
    assert len(whole.turns[0]) == len(warm) + sum(taken.about(few=False).values())
    assert len(part.turns[0]) == len(warm) + sum(taken.about(few=True).values())
    assert sum(taken.about(few=True).values()) <= FEW_TEXTS + FEW_BATCHES * BATCH


@given(st.integers(1, 200), st.integers(1, 60))
def test_what_is_taken_is_spread_from_first_to_last(count: int, most: int) -> None:
    taken, left = spread(list(range(count)), most)
    assert sorted([*taken, *left]) == list(range(count))
    assert len(taken) == min(count, most)
    gaps = [after - before for before, after in pairwise([-1, *taken, count])]
    assert max(gaps) <= 1 + -(-count // min(count, most))


def test_a_control_without_weights_is_left_out_with_its_reason(built: Path, tmp_path: Path) -> None:
    _, plan = open_build(built, None)
    steps = tmp_path / "steps"
    shutil.copytree(built / ".steps" / plan.teacher_keys[0], steps / plan.teacher_keys[0])
    assert ceiling_row(Ensemble(plan, steps, 10))[0] == {}
    assert "teacher 2 of 2 are gone" in ceiling_row(Ensemble(plan, steps, 10))[1][CEILING]


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
        (["--transfer", "-1"], "error: --transfer is -1; expected at least 0"),
        (["--variants", "nowhere"], "run 'python -m models.build' first"),
        (["--dataset", "embedded"], "is not the one that"),
        (["--dataset", "nowhere.csv"], "error: data set 'nowhere.csv': no such file or folder"),
    ],
)
def test_errors_are_one_sentence(
    built: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main([*(["--variants", str(built)] if "--variants" not in arguments else []), *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_weights_that_were_removed_are_asked_for(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in (copied / ".steps").iterdir():
        folder.rename(copied / folder.name)
    assert main(["--variants", str(copied)]) == 2
    assert "run 'python -m models.build' again" in capsys.readouterr().err
