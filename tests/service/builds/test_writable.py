import json
from pathlib import Path

import pytest
from bentoml._internal.configuration.containers import BentoMLContainer

from service.builds.writable import VARIABLE, writable


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Bento's variants in an image, and a home beside it."""
    folder = tmp_path / "image"
    (folder / "int8").mkdir(parents=True)
    (folder / "build.json").write_text('{"build_id": "first"}')
    (folder / "int8" / "measured.json").write_text("{}")
    monkeypatch.setenv("BENTOML_CONTAINERIZED", "true")
    monkeypatch.setenv(VARIABLE, "")
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setattr(BentoMLContainer, "bentoml_home", type("Home", (), {"get": lambda: str(home)}))
    return folder


def test_an_images_variants_are_copied_once(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = writable(image)
    assert copy.parent == image.parent / "home" / "bonsai"
    assert (copy / "int8" / "measured.json").read_text() == "{}"
    (copy / "build.json").write_text('{"build_id": "with one more"}')
    monkeypatch.setenv(VARIABLE, "")
    assert writable(image) == copy
    assert json.loads((copy / "build.json").read_text()) == {"build_id": "with one more"}


@pytest.mark.parametrize("changed", ["build.json", "int8/measured.json", "load_test.json"])
def test_another_images_variants_have_a_copy_of_their_own(
    image: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    first = writable(image)
    (image / changed).write_text('{"build_id": "second"}')
    monkeypatch.setenv(VARIABLE, "")
    second = writable(image)
    assert first != second
    assert (second / changed).read_text() == '{"build_id": "second"}'
    assert json.loads((first / "build.json").read_text()) == {"build_id": "first"}
    assert {path.name for path in first.parent.iterdir()} == {first.name, second.name}


def test_what_is_named_or_can_be_written_is_taken_as_it_is(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(image))
    assert writable(image) == image
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.delenv("BENTOML_CONTAINERIZED")
    assert writable(image) == image


def test_a_home_that_cannot_be_written_is_said(image: Path, caplog: pytest.LogCaptureFixture) -> None:
    (image.parent / "home" / "bonsai").write_text("")
    assert writable(image) == image
    assert "variants cannot be built here" in caplog.text
