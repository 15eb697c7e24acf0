"""The card of a variant: what it is, how it was made and what it scores; nothing that depends on the machine (no
torch).
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from models.runtime import model_file
from models.runtime.errors import BonsaiError
from models.runtime.files import write_json

CARD_FILE = "card.json"
MODEL_FILE = model_file.NAME
CONTENT_FILES = (MODEL_FILE, "config.json", "tokenizer.json", "tokenizer_config.json")
NOTHING: Mapping[str, str] = MappingProxyType({})


class Estimate(BaseModel):
    """A share of the test rows, with its 95 % interval."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float
    low: float
    high: float


class Invariance(BaseModel):
    """Label flips and the largest change of a logit between batch 1 and batches of 32, over the whole test set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flips_sorted: int
    flips_shuffled: int
    largest_logit_change: float


class Majority(BaseModel):
    """How far a classifier is ahead of always answering the commonest label of the test rows, in shares of them, with
    the interval at the gate's alpha.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    share: float  # of the test rows: what that answer would have right
    lead: float
    low: float
    high: float

    @property
    def beaten(self) -> bool:
        """Whether the lead is more than chance."""
        return self.low > 0


class LostClass(BaseModel):
    """A class whose recall a variant lost: its test rows, how many of them the teacher and the variant have right, and
    whether the variant ever names it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    rows: int
    teacher: int
    variant: int
    named: bool


class Verdict(BaseModel):
    """What the gate says of one variant; drops are shares of the test rows, positive where the variant is worse than
    the teacher.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    verdict: str  # passed, worse or undecided
    withheld: str | None = None  # why it cannot pass whatever its drop, in one sentence; it is then undecided at best
    lost_classes: list[LostClass] | None = None
    margin: float
    alpha: float
    drop: float
    low: float
    high: float
    lost: int  # rows that the teacher has right and the variant wrong
    won: int
    mcnemar_p: float
    rows_to_decide: int  # 0 where it is decided or withheld


class Stored(BaseModel):
    """The zeros among the weights of the encoder's layers, as shares, and what the graph takes stored as masks with the
    values that are left, and that compressed by an entropy coder (LZMA); ONNX Runtime gains no speed from zeros.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sparsity: float
    sparsity_by_layer: list[float]
    bytes_sparse: int
    bytes_compressed: int
    speed_gained: bool = False  # ONNX Runtime multiplies zeros like all other numbers


class CascadeParts(BaseModel):
    """Which variants a cascade is made of, the confidence below which the small one escalates, and what that
    comes to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    small: str
    small_version: str
    large: str
    large_version: str
    threshold: float
    escalated: float  # share of the test rows that the larger one answered
    differing_at_most: float | None = (
        None  # share of rows with another label than the larger one's, 95 % upper bound by the validation rows
    )


class Card(BaseModel):
    """One variant's content: `version` is the first 12 hex digits of a hash over the folder's files and everything else
    here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str
    kind: str  # teacher, variant or cascade
    passes: list[dict[str, Any]]
    teacher: dict[str, Any]
    dataset: dict[str, Any]
    seed: int
    parameters: dict[str, int]
    bytes: int
    max_tokens: int
    temperature: float
    model_sha256: str | None = None
    stored: Stored | None = None  # of a variant with zeros among its weights
    cascade: CascadeParts | None = None
    libraries: dict[str, str]
    cpu_flags: list[str]  # of the integer kernels, where the figures below were made
    accuracy: Estimate
    macro_f1: Estimate
    agreement: float
    calibration_error: dict[str, float]
    robustness: dict[str, float]
    out_of_scope_auroc: float | None = None
    unknown_tokens: dict[str, float] | None = (
        None  # share of the word pieces of the training and of the test texts, [CLS] and [SEP] not counted
    )
    truncated_texts: dict[str, float] | None = None  # share of these texts
    invariance: Invariance | None = None
    majority: Majority | None = None
    gate: Verdict | None = None

    def content(self) -> dict[str, Any]:
        """Return the card as JSON values, without what does not apply."""
        return self.model_dump(mode="json", exclude_none=True)


def seal(folder: Path, **content: Any) -> Card:
    """Write the card of a finished folder, with the version that its content gives it."""
    file = folder / MODEL_FILE
    if file.exists():
        content |= {"bytes": file.stat().st_size, "model_sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    draft = Card(version="", **content)
    card = draft.model_copy(update={"version": _version(folder, draft)})
    write_json(folder / CARD_FILE, card.content())
    return card


def is_whole(folder: Path, card: Card, known: Mapping[str, str] = NOTHING) -> bool:
    """Tell whether the folder's files are all there and all those that the card was written for; `known` holds the
    hashes of files that are not read.
    """
    return card.version == _version(folder, card.model_copy(update={"version": ""}), known)


def _version(folder: Path, draft: Card, known: Mapping[str, str] = NOTHING) -> str:
    hashes = {name: found for name, found in content_hashes(folder, known).items() if found}
    return hashlib.sha256(json.dumps([hashes, draft.content()], sort_keys=True).encode()).hexdigest()[:12]


def content_hashes(folder: Path, known: Mapping[str, str] = NOTHING) -> dict[str, str | None]:
    """Return the SHA-256 of each content file of a folder, None where it is not there, without reading those that are
    `known` (OSError, ValueError).
    """
    hashes = {
        name: known.get(name) or (sha256(folder / name) if (folder / name).exists() else None) for name in CONTENT_FILES
    }
    if MODEL_FILE not in known and not model_file.is_one_file(folder):
        hashes[MODEL_FILE] = model_file.sha256_of_parts(folder)
    return hashes


def sha256(file: Path) -> str:
    """Return the SHA-256 of a file, read piece by piece: a whole model in memory stops a service that loads one."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def read_card(folder: Path) -> Card:
    """Read a variant folder's card (BonsaiError when there is none or it is not one)."""
    try:
        return Card.model_validate_json((folder / CARD_FILE).read_bytes())
    except OSError as error:
        raise BonsaiError(
            f"'{folder}' is no variant folder: {CARD_FILE} cannot be read ({error.strerror}); run 'python -m "
            "models.build'"
        ) from error
    except ValidationError as error:
        detail = error.errors()[0]
        where = ".".join(map(str, detail["loc"])) or "the file"
        raise BonsaiError(
            f"'{folder / CARD_FILE}' is no card: {where}: {detail['msg']}; run 'python -m models.build' to build it "
            "again"
        ) from error
