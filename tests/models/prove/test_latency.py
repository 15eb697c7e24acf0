import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest

from models.data.dataset import Dataset, Split
from models.prove import latency
from models.prove.latency import ROUNDS, TEXTS, is_measured, measure_latency, open_variant, sample
from models.prove.memory import measure_memory
from models.runtime.batching import MEASURED_FILE
from models.runtime.card import Card
from models.runtime.classifier import Predictor


def test_every_variant_is_measured_with_its_conditions(built: Path, dataset: Dataset) -> None:
    for folder in (path.parent for path in built.glob("*/card.json")):
        found = json.loads((folder / MEASURED_FILE).read_text())
        assert 0 < found["p50_ms"] <= found["p99_ms"]
        assert found["mean_ms"] == median(one["mean_ms"] for one in found["rounds"]) > 0
        assert len(found["rounds"]) == ROUNDS
        assert found["calls"] == ROUNDS * len(dataset.test)
        assert found["conditions"]["threads"] == found["conditions"]["batch"] == 1
        assert found["conditions"]["cpu"]
        assert isinstance(found["conditions"]["flags"], list)


@pytest.mark.parametrize("rows", [1, TEXTS + 50])
def test_any_number_of_texts(copied: Path, dataset: Dataset, rows: int) -> None:
    folders = {name: copied / name for name in ("int8", "distilled_int8", "cascade")}
    measure_latency(folders, replace(dataset, test=Split(["where is my parcel"] * rows, [0] * rows)), 0)
    assert {json.loads((folder / MEASURED_FILE).read_text())["calls"] for folder in folders.values()} == {
        ROUNDS * min(rows, TEXTS)
    }


def test_memory_is_measured_of_what_is_new_alone(
    copied: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders, asked = {name: copied / name for name in ("int8", "distilled_int8")}, list[str]()
    (copied / "int8" / MEASURED_FILE).unlink()
    before = json.loads((copied / "distilled_int8" / MEASURED_FILE).read_text())

    def measured(given: dict[str, Path], name: str, texts: list[str]) -> dict[str, float]:
        asked.append(name)
        return measure_memory(given, name, texts)

    monkeypatch.setattr(latency, "measure_memory", measured)
    measure_latency(folders, dataset, 0)
    after = json.loads((copied / "distilled_int8" / MEASURED_FILE).read_text())
    assert asked == ["int8"]
    assert after["memory"] == before["memory"]
    assert after["rounds"] != before["rounds"]


def test_a_sorted_file_is_sampled_from_end_to_end() -> None:
    rows = [str(number) for number in range(3080)]
    some = sample(rows, TEXTS, 0)
    assert len(set(some)) == TEXTS
    assert sample(rows, TEXTS, 0) == some != sample(rows, TEXTS, 1)
    for part in (some, some[:50]):  # so is each beginning of it
        counts = Counter(int(row) // 770 for row in part)
        assert min(counts[quarter] for quarter in range(4)) > len(part) / 10


def test_what_an_earlier_version_measured_is_measured_again(copied: Path) -> None:
    file = copied / "int8" / MEASURED_FILE
    assert is_measured(file.parent)
    content = json.loads(file.read_text())
    del content["rounds"]
    file.write_text(json.dumps(content))
    assert not is_measured(file.parent)


@pytest.mark.parametrize("name", ["int8", "cascade"])
def test_each_turn_opens_a_variant_anew(
    built: Path, dataset: Dataset, variants: dict[str, tuple[Card, Predictor]], name: str
) -> None:
    folders = {part: built / part for part in variants}
    answers = [open_variant(folders, name, dataset.train.texts) for _ in range(2)]
    assert answers[0] is not answers[1]
    expected = [prediction.label for prediction in variants[name][1].predict(dataset.test.texts)]
    assert answers[0](dataset.test.texts) == answers[1](dataset.test.texts) == expected
