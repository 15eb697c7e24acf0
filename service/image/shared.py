"""Keeps what several models of an image have in common once: `shared.py BENTO`, in the build stage.

Students and pruned variants have the teacher's word embeddings, more than half of what they weigh, and INT8 variants
have the same integers for them. What another model of the Bento has too, bit for bit, is left out of a model's file;
`models.runtime.model_file` makes the same bytes of both, and the service holds them against the card's hash.
"""

import hashlib
import json
import sys
from pathlib import Path

import onnx

from models.runtime.model_file import NAME, PARTS, REST

LEAST_BYTES = 1_024  # of a tensor that is worth a line
Place = tuple[str, int]  # a file, from the model store, and an offset in it


def share(models: Path) -> int:
    """Put models in parts, in a store of folders NAME/VERSION; return how many bytes that saves."""
    known: dict[str, Place] = {}
    files = sorted(models.glob(f"*/*/{NAME}"), key=lambda file: (-file.stat().st_size, file))
    before = sum(file.stat().st_size for file in files)
    for file in files:
        _share_one(file, models, known)
    return before - sum(file.stat().st_size for name in (NAME, REST) for file in models.glob(f"*/*/{name}"))


def _share_one(file: Path, models: Path, known: dict[str, Place]) -> None:
    """Put one model in parts where it has anything of those before it, and remember what it adds to them."""
    content, rest = file.read_bytes(), bytearray()
    whole, own = (str(place.relative_to(models)) for place in (file, file.with_name(REST)))
    parts: list[tuple[str, int, int]] = []
    added: dict[str, tuple[int, int]] = {}  # where it begins in the whole file, and in what would be left of it
    done = 0

    def keep(until: int) -> None:
        if until > done:
            parts.append((own, len(rest), until - done))
            rest.extend(content[done:until])

    for tensor in onnx.load_from_string(content).graph.initializer:
        if len(tensor.raw_data) < LEAST_BYTES:
            continue
        start = content.index(tensor.raw_data, done)  # a graph's weights lie in their order
        digest = hashlib.sha256(tensor.raw_data).hexdigest()
        if digest in known:
            keep(start)
            parts.append((*known[digest], len(tensor.raw_data)))
            done = start + len(tensor.raw_data)
        else:
            added.setdefault(digest, (start, len(rest) + start - done))
    if not parts:
        known |= {digest: (whole, start) for digest, (start, _) in added.items()}
        return
    keep(len(content))
    known |= {digest: (own, start) for digest, (_, start) in added.items()}
    file.with_name(REST).write_bytes(rest)
    file.with_name(PARTS).write_text(json.dumps(parts))
    file.unlink()


if __name__ == "__main__":
    print(f"shared: {share(Path(sys.argv[1], 'models')) / 1e6:.1f} MB")
