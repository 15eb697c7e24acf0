"""`python -m models.train.convert FOLDER`: write a checkpoint's pickled weights as model.safetensors.

A pickle can run code when it is read. Here torch reads its tensors and nothing else of it (`weights_only`), and what is
read from then on is safetensors, which holds nothing but tensors.
"""

import argparse
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from models.runtime.errors import BonsaiError
from models.runtime.files import DRAFT

PATTERN = "pytorch_model*.bin"  # in one file or several


def convert(folder: Path) -> Path:
    """Write model.safetensors beside a folder's pickles, and return it (BonsaiError)."""
    target, tensors = folder / "model.safetensors", dict[str, torch.Tensor]()
    pickles = sorted(folder.glob(PATTERN))
    if not pickles:
        raise BonsaiError(f"'{folder}' holds no {PATTERN}; expected the folder of a checkpoint")
    if target.exists():
        raise BonsaiError(f"'{target}' is there already; expected a folder without it")
    for file in pickles:
        try:
            content = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # torch, zipfile and pickle have a class each for what they do not read
            reason = f"{type(error).__name__}: {error}".partition("\n")[0][:200]
            raise BonsaiError(f"'{file}' holds more than tensors, or is damaged ({reason})") from error
        if not isinstance(content, dict) or not all(isinstance(each, torch.Tensor) for each in content.values()):
            raise BonsaiError(f"'{file}' holds something else than named tensors; expected what save_pretrained wrote")
        # A tensor that shares its memory with another one is written twice, which safetensors asks for.
        tensors |= {name: tensor.detach().clone().contiguous() for name, tensor in content.items()}
    draft = folder / f"{DRAFT}{target.name}"
    save_file(tensors, draft, metadata={"format": "pt"})
    return draft.rename(target)


def main(given: list[str] | None = None) -> int:
    """Run the command; exit code 2 and one sentence for what the user can repair."""
    parser = argparse.ArgumentParser(
        prog="python -m models.train.convert", description="Pickled weights as safetensors."
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    try:
        print(convert(parser.parse_args(given).folder))
    except BonsaiError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
