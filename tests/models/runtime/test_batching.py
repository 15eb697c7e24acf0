"""The batch of a variant is the smallest that no larger one beats by much."""

import json
from pathlib import Path

from models.prove.latency import conditions
from models.runtime.batching import MEASURED_FILE, SIZES, best_size, read_measured, time_batches
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


def test_what_the_build_measured_is_read_with_the_processor_it_holds_for(tmp_path: Path, built: Path) -> None:
    measured = read_measured(built / "int8")
    assert measured is not None
    assert measured.here and measured.batch in SIZES
    assert 0 < measured.p50_ms <= measured.p99_ms
    whole = json.loads((built / "int8" / MEASURED_FILE).read_text())
    another = {"conditions": {**conditions(), "cpu": "another"}}
    for changed, here in ((another, False), ({"batching": {}}, None), ({"p50_ms": "fast"}, None)):
        (tmp_path / MEASURED_FILE).write_text(json.dumps({**whole, **changed}))
        found = read_measured(tmp_path)
        assert (found and found.here) == here
    assert read_measured(tmp_path / "none") is None
