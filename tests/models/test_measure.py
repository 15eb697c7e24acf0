import json
from pathlib import Path

import pytest

from models.dataset import Dataset
from models.measure import MEASURED_FILE, ROUNDS, TEXTS, measure


def test_every_variant_is_measured_with_its_conditions(built: Path, dataset: Dataset) -> None:
    for folder in (path.parent for path in built.glob("*/card.json")):
        found = json.loads((folder / MEASURED_FILE).read_text())
        assert 0 < found["p50_ms"] <= found["p99_ms"]
        assert found["mean_ms"] > 0
        assert found["calls"] == ROUNDS * len(dataset.test)
        assert found["conditions"]["threads"] == found["conditions"]["batch"] == 1
        assert found["conditions"]["cpu"]
        assert isinstance(found["conditions"]["flags"], list)


@pytest.mark.parametrize("texts", [1, TEXTS + 50])
def test_any_number_of_texts(copied: Path, texts: int) -> None:
    folders = {name: copied / name for name in ("int8", "distilled_int8", "cascade")}
    measure(folders, ["where is my parcel"] * texts)
    assert {json.loads((folder / MEASURED_FILE).read_text())["calls"] for folder in folders.values()} == {ROUNDS * min(texts, TEXTS)}
