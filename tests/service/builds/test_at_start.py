import json
from pathlib import Path

import pytest

from models.runtime.errors import BonsaiError
from models.runtime.store import read_build
from service.builds.at_start import Given, _recipe, ask_for_int8, given_model, quantizes
from service.builds.jobs import MOST_QUEUED, Jobs


@pytest.fixture
def given(tmp_path: Path) -> Given:
    given = Given(tmp_path / "model", tmp_path / "rows.csv")
    given.model.mkdir()
    given.data.write_text("text,label\n")
    (given.model / "config.json").write_text(json.dumps({"max_position_embeddings": 64}))
    return given


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"BONSAI_MODEL": "."}, "BONSAI_DATA is not set beside BONSAI_MODEL"),
        ({"BONSAI_DATA": "."}, "BONSAI_MODEL is not set beside BONSAI_DATA"),
        ({"BONSAI_MODEL": "nope", "BONSAI_DATA": "."}, "BONSAI_MODEL is 'nope': no such folder"),
        ({"BONSAI_MODEL": ".", "BONSAI_DATA": "nope.csv"}, "BONSAI_DATA is 'nope.csv': no such file"),
        ({"BONSAI_MODEL": "m" * 300, "BONSAI_DATA": "."}, "BONSAI_MODEL is 'mmm.*': no such folder"),
        ({"BONSAI_MODEL": ".", "BONSAI_DATA": "d" * 300}, "BONSAI_DATA is 'ddd.*': no such file"),
    ],
)
def test_half_a_model_is_refused(
    settings: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BonsaiError, match=sentence):
        given_model()


def test_int8_is_all_that_a_model_is_quantized_to(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not quantizes()
    monkeypatch.setenv("BONSAI_QUANTIZE", "fp16")
    with pytest.raises(BonsaiError, match="BONSAI_QUANTIZE is 'fp16'; expected int8"):
        quantizes()


def test_a_model_is_read_as_far_as_it_was_made_to(given: Given, tmp_path: Path) -> None:
    teacher = _recipe(given, tmp_path / "variants")["teacher"]
    assert teacher == {"source": str(given.model), "max_tokens": 64}
    for longest, tokens in ((32, 32), (int(1e30), 64), (None, 64)):
        (given.model / "tokenizer_config.json").write_text(json.dumps({"model_max_length": longest}))
        assert _recipe(given, tmp_path / "variants")["teacher"]["max_tokens"] == tokens


def test_another_build_in_the_folder_is_left_alone(given: Given, built: Path) -> None:
    with pytest.raises(BonsaiError, match=r"holds the build of another model or other data.*BONSAI_VARIANTS"):
        _recipe(given, built)


def test_int8_is_asked_for_once_and_not_where_it_is(copied: Path) -> None:
    ask_for_int8(copied)
    assert Jobs(copied).all() == []
    build = json.loads((copied / "build.json").read_text())
    del build["variants"]["int8"]
    (copied / "build.json").write_text(json.dumps(build))
    for _ in range(2):
        ask_for_int8(copied)
    (job,) = Jobs(copied).all()
    assert (job.name, job.asked["passes"]) == ("int8", [{"quantize": {}}])
    assert "int8" not in read_build(copied).variants


def test_int8_that_would_not_be_served_is_not_built(copied: Path, caplog: pytest.LogCaptureFixture) -> None:
    build = json.loads((copied / "build.json").read_text())
    del build["variants"]["int8"]
    (copied / "build.json").write_text(json.dumps(build))
    ask_for_int8(copied, ("teacher",))
    assert Jobs(copied).all() == []
    assert "'int8' is not built, for BONSAI_ONLY leaves it out" in caplog.text
    ask_for_int8(copied, ("teacher", "int8"))
    assert len(Jobs(copied).all()) == 1


def test_a_full_queue_keeps_nothing_from_starting(copied: Path, caplog: pytest.LogCaptureFixture) -> None:
    build = json.loads((copied / "build.json").read_text())
    del build["variants"]["int8"]
    (copied / "build.json").write_text(json.dumps(build))
    for number in range(MOST_QUEUED):
        Jobs(copied).create(f"v{number}", {})
    ask_for_int8(copied)
    assert len(Jobs(copied).all()) == MOST_QUEUED
    assert "INT8 is not built: 8 builds wait" in caplog.text
