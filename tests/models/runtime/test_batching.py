"""The batch of a variant is the smallest that no larger one beats by much."""

import json
from pathlib import Path
from typing import Any

from models.prove.latency import conditions
from models.runtime.batching import MEASURED_FILE, SIZES, best_size, read_best_size, time_batches
from models.runtime.loading import load_variants


def test_a_larger_batch_must_be_worth_its_wait() -> None:
    assert best_size({1: 1.0, 4: 0.99, 8: 1.2}) == 1
    assert best_size({1: 1.0, 4: 0.5, 8: 0.49, 16: 0.4, 32: 0.395}) == 16
    assert best_size({32: 0.1, 1: 1.0}) == 32


def test_every_size_is_timed(built: Path) -> None:
    _, predictor = load_variants({"int8": built / "int8"})["int8"]
    taken = time_batches(predictor, ["where is my parcel", "cancel"], 2)
    assert list(taken) == list(SIZES)
    assert all(ms > 0 for ms in taken.values())


def test_what_the_build_measured_is_read_on_the_same_processor_alone(tmp_path: Path, built: Path) -> None:
    assert read_best_size(built / "int8") in SIZES
    content: Any = {"conditions": conditions(), "batching": {"texts": 8}}
    for changed, expected in (({}, 8), ({"conditions": {"cpu": "another"}}, None), ({"batching": {}}, None)):
        (tmp_path / MEASURED_FILE).write_text(json.dumps({**content, **changed}))
        assert read_best_size(tmp_path) == expected
    assert read_best_size(tmp_path / "none") is None
