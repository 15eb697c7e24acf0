"""Pickled weights as safetensors, and never a pickle's code."""

import pickle
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from models.plan.checkpoint import find_teacher
from models.recipe.recipe import TeacherSource
from models.runtime.errors import BonsaiError
from models.train.convert import main


@pytest.fixture
def folder(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """The tiny checkpoint with its weights pickled, in two files."""
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path / "bert"))
    tensors = list(load_file(folder / "model.safetensors").items())
    (folder / "model.safetensors").unlink()
    for number, part in enumerate((tensors[:5], tensors[5:]), 1):
        torch.save(dict(part), folder / f"pytorch_model-0000{number}-of-00002.bin")
    return folder


def test_the_converted_checkpoint_is_the_same_teacher(folder: Path, tiny_checkpoint: Path) -> None:
    source = TeacherSource(source=str(folder), max_tokens=48)
    with pytest.raises(BonsaiError, match=f"python -m models.train.convert {folder}"):
        find_teacher(source)
    assert main([str(folder)]) == 0
    found = find_teacher(source)
    assert found.weights == find_teacher(TeacherSource(source=str(tiny_checkpoint), max_tokens=48)).weights
    before, after = load_file(tiny_checkpoint / "model.safetensors"), load_file(folder / "model.safetensors")
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)


def test_a_pickle_that_would_run_code_is_refused_and_does_not(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Evil:
        def __reduce__(self) -> object:
            return (Path.touch, (folder / "ran",))

    (folder / "pytorch_model-00001-of-00002.bin").write_bytes(pickle.dumps({"w": Evil()}))
    assert main([str(folder)]) == 2
    said = capsys.readouterr().err
    assert "holds more than tensors" in said and said.count("\n") == 1
    assert not (folder / "ran").exists() and not (folder / "model.safetensors").exists()


def test_what_cannot_be_converted_is_said(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2 and "holds no pytorch_model*.bin" in capsys.readouterr().err
    assert main([str(folder)]) == 0
    assert main([str(folder)]) == 2 and "is there already" in capsys.readouterr().err
    (folder / "model.safetensors").unlink()
    torch.save([1, 2], folder / "pytorch_model-00001-of-00002.bin")
    assert main([str(folder)]) == 2 and "something else than named tensors" in capsys.readouterr().err
