"""The card of a variant: what it is, how it was made and what it scores; nothing that depends on the machine (no torch)."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from models.errors import BonsaiError

CARD_FILE = "card.json"
MODEL_FILE = "model.onnx"
CONTENT_FILES = (MODEL_FILE, "config.json", "tokenizer.json", "tokenizer_config.json")


class Estimate(BaseModel):
    """A share of the test rows, with its 95 % interval."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float
    low: float
    high: float


class Card(BaseModel):
    """One variant's content: `version` is the first 12 hex digits of a hash over the folder's files and everything else here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str
    kind: str
    passes: list[dict[str, Any]]
    teacher: dict[str, Any]
    dataset: dict[str, Any]
    seed: int
    parameters: dict[str, int]
    bytes: int
    max_tokens: int
    temperature: float
    model_sha256: str
    libraries: dict[str, str]
    accuracy: Estimate
    macro_f1: Estimate
    agreement: float


def seal(folder: Path, **content: Any) -> Card:
    """Write the card of a finished folder, with the version that its content gives it."""
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in CONTENT_FILES}
    content |= {"bytes": (folder / MODEL_FILE).stat().st_size, "model_sha256": hashes[MODEL_FILE]}
    draft = Card(version="", **content).model_dump(mode="json")
    version = hashlib.sha256(json.dumps([hashes, draft], sort_keys=True).encode()).hexdigest()[:12]
    card = Card(version=version, **content)
    write_json(folder / CARD_FILE, card.model_dump(mode="json"))
    return card


def read_card(folder: Path) -> Card:
    """Read a variant folder's card (BonsaiError when there is none or it is not one)."""
    try:
        return Card.model_validate_json((folder / CARD_FILE).read_bytes())
    except OSError as error:
        raise BonsaiError(f"'{folder}' is no variant folder: {CARD_FILE} cannot be read ({error.strerror}); run 'python -m models.build'") from error
    except ValidationError as error:
        detail = error.errors()[0]
        where = ".".join(map(str, detail["loc"])) or "the file"
        raise BonsaiError(f"'{folder / CARD_FILE}' is no card: {where}: {detail['msg']}; run 'python -m models.build' to build it again") from error


def write_json(file: Path, content: object) -> None:
    """Write JSON so that a reader, and a crash, sees the old file or the new one, never half of it."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    with draft.open("w", encoding="utf-8") as out:
        json.dump(content, out, indent=2, ensure_ascii=False)
        out.write("\n")
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)
