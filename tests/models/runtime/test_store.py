import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import bentoml
import pytest

from models.runtime.card import CARD_FILE, CONTENT_FILES, read_card, seal
from models.runtime.errors import BonsaiError
from models.runtime.store import (
    BUILD_FILE,
    STORE,
    build_stores,
    check_stored,
    in_store,
    locked,
    read_build,
    save_variant,
    store_folder,
    stored,
)

ROOT = Path(__file__).parents[3]


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
    [
        (None, f"{BUILD_FILE} cannot be read .*run 'python -m models.build' first"),
        ("{", "is no build of this version"),
        ('{"variants": {}}', "Field required"),
    ],
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


@pytest.mark.parametrize("kind", ["a file", "under a file"])
def test_a_home_that_cannot_be_written_is_said_before_a_build_begins(
    tiny_recipe: Path, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "file").write_text("")
    home = tmp_path / "file" / "home" if kind == "under a file" else tmp_path / "file"
    command = [sys.executable, "-m", "models.build", "--recipe", str(tiny_recipe), "--out", str(tmp_path / "out")]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "BENTOML_HOME": str(home)}, capture_output=True, text=True, timeout=600
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(
        r"error: the BentoML home cannot be written \(.*\); set BENTOML_HOME to a folder that can be written and has "
        r"room\n",
        done.stderr,
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("tag", ["bonsai-teacher", "bonsai-teacher:", "bonsai-teacher:0123456789ab", ""])
def test_a_tag_that_names_no_version_there_is_refused(built: Path, tag: str) -> None:
    with pytest.raises(BonsaiError, match=rf"^the BentoML model store does not hold '{tag}'; run "):
        stored(tag)


@pytest.mark.parametrize("content", ["", "{", "tag: [", "tag: 1\nmodule: 2\n", None])
def test_a_damaged_entry_is_not_in_the_store(copied: Path, content: str | None) -> None:
    tag = save_variant(renamed(copied / "int8", "entry"))
    entry = Path(bentoml.models.get(tag).path) / "model.yaml"
    if content is None:
        entry.unlink()
    else:
        entry.write_text(content)
    assert not in_store(tag)
    with pytest.raises(
        BonsaiError,
        match=(
            rf"^the BentoML model store holds '{tag}' damaged \(.*\); run 'python -m models.build' to store it "
            r"again$"
        ),
    ):
        check_stored(tag)
    assert save_variant(copied / "int8") == tag
    assert check_stored(tag) == stored(tag)


def test_a_model_is_found_in_whichever_store_holds_it(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a Bento in an image, beside whose store there is one that can be written."""
    tag = save_variant(renamed(copied / "int8", "elsewhere"))
    folder, images = stored(tag), tmp_path / "image" / "models"
    (images / folder.parent.name).mkdir(parents=True)
    shutil.move(folder, images / folder.parent.name)
    assert not in_store(tag)
    monkeypatch.setenv(STORE, json.dumps([str(store_folder()), str(images)]))
    assert in_store(tag)
    assert check_stored(tag) == images / folder.parent.name / folder.name
    assert build_stores() == [store_folder(), images]
    monkeypatch.setenv("BENTOML_CONTAINERIZED", "true")
    assert build_stores() == [images, store_folder()]


def test_what_is_no_folder_to_build_in_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "out" / ".lock").mkdir(parents=True)
    for out in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / "out", Path("/proc/none")):
        with pytest.raises(BonsaiError, match=r"to \(.*\); choose another one with --out"), locked(out):
            pass
