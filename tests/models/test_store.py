import json
from pathlib import Path

import bentoml
import pytest

from models.card import CARD_FILE, CONTENT_FILES, read_card, seal
from models.errors import BonsaiError
from models.store import BUILD_FILE, in_store, read_build, save_variant


def renamed(folder: Path, name: str) -> Path:
    content = dict(read_card(folder)) | {"name": name}
    del content["version"]
    seal(folder, **content)
    return folder


def test_the_build_names_the_tags_of_its_cards(built: Path) -> None:
    build = read_build(built)
    for name, variant in build.variants.items():
        assert variant.tag == f"bonsai-{name.replace('_', '-')}:{read_card(built / name).version}"
        assert in_store(variant.tag)


def test_a_stored_model_holds_the_folder_and_its_card(built: Path) -> None:
    model = bentoml.models.get(read_build(built).variants["distilled_int8"].tag)
    folder = built / "distilled_int8"
    assert model.info.metadata == json.loads((folder / CARD_FILE).read_text())
    assert model.info.labels == {"variant": "distilled_int8"}
    for name in (*CONTENT_FILES, CARD_FILE):
        assert Path(model.path_of(name)).read_bytes() == (folder / name).read_bytes()
    assert not Path(model.path_of("measured.json")).exists()


def test_saving_twice_stores_once(copied: Path) -> None:
    folder = renamed(copied / "int8", "twice")
    tag = save_variant(folder)
    made = bentoml.models.get(tag).info.creation_time
    assert save_variant(folder) == tag == f"bonsai-twice:{read_card(folder).version}"
    assert bentoml.models.get(tag).info.creation_time == made


@pytest.mark.parametrize(
    "name",
    ["a", "a_b", "a__b", "x" * 32, "x1_2", pytest.param("small_")],
)
def test_every_usable_name_has_a_tag(copied: Path, name: str) -> None:
    assert in_store(save_variant(renamed(copied / "int8", name)))


def test_a_tag_that_is_not_there(bentoml_home: Path) -> None:
    assert not in_store("bonsai-teacher:000000000000")
    assert not in_store("never-made:000000000000")


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, f"{BUILD_FILE} cannot be read .*run 'python -m models.build' first"), ("{", "is no build of this version"), ('{"variants": {}}', "Field required")],
)
def test_without_a_build_the_command_is_named(tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / BUILD_FILE).write_text(content)
    with pytest.raises(BonsaiError, match=said):
        read_build(tmp_path)


@pytest.mark.parametrize("copied_so_far", [[], ["model.yaml"], ["model.yaml", "card.json"]])
def test_a_half_stored_model_is_stored_again(copied: Path, copied_so_far: list[str]) -> None:
    folder = renamed(copied / "int8", f"half{len(copied_so_far)}")
    for file in Path(bentoml.models.get(save_variant(folder)).path).iterdir():
        if file.name not in copied_so_far:
            file.unlink()
    tag = save_variant(folder)
    assert Path(bentoml.models.get(tag).path_of("model.onnx")).read_bytes() == (folder / "model.onnx").read_bytes()
