"""A variant's model.onnx, whole as a build writes it or, in a container's image, in parts: what several models have in
common, as their word embeddings, lies there once (no torch).

A file of parts stands in the place of model.onnx and lists the pieces that make up the very same bytes: JSON rows of a
file's path from the model store, an offset and a length in bytes.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

NAME = "model.onnx"
PARTS, REST = f"{NAME}.parts", f"{NAME}.rest"  # the list, and what no other model has
PIECE = 1 << 20
UP = 2  # a model lies in the store's folder NAME/VERSION


def model_of(folder: Path) -> Path | bytes:
    """Return what a session opens: the file, or its bytes where it lies in parts (OSError, ValueError)."""
    return folder / NAME if is_one_file(folder) else b"".join(_pieces(folder))


def is_one_file(folder: Path) -> bool:
    """Tell whether the model is one file."""
    return not (folder / PARTS).exists()


def join(source: Path, target: Path) -> None:
    """Write a model in parts, of the folder `source`, as one file into the folder `target` (OSError, ValueError)."""
    with (target / NAME).open("wb") as file:
        for piece in _pieces(source):
            file.write(piece)


def sha256_of_parts(folder: Path) -> str:
    """Return the SHA-256 of a model that lies in parts, read piece by piece (OSError, ValueError)."""
    digest = hashlib.sha256()
    for piece in _pieces(folder):
        digest.update(piece)
    return digest.hexdigest()


def _pieces(folder: Path) -> Iterator[bytes]:
    store = folder.parents[UP - 1]
    for name, offset, length in _listed(folder):
        file = (store / name).resolve()
        if not file.is_relative_to(store.resolve()):
            raise ValueError(f"{PARTS} names '{name}', which lies outside the model store")
        with file.open("rb") as content:
            content.seek(offset)
            while length and (piece := content.read(min(length, PIECE))):
                length -= len(piece)
                yield piece


def _listed(folder: Path) -> list[tuple[str, int, int]]:
    content = (folder / PARTS).read_bytes()
    try:
        listed = [(str(name), int(offset), int(length)) for name, offset, length in json.loads(content)]
    except (TypeError, ValueError):
        raise ValueError(f"{PARTS} is no list of pieces") from None
    if any(min(piece[1:]) < 0 for piece in listed):
        raise ValueError(f"{PARTS} names a piece before its file begins")
    return listed
