"""The variant that is asked for: one of a build, or a folder."""

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

from models.runtime.card import CARD_FILE, read_card
from models.runtime.classifier import Predictor
from models.runtime.errors import BonsaiError
from models.runtime.loading import load_variants


class Variant(NamedTuple):
    """A variant's name, its version, and the folders that it is loaded from, its own last."""

    name: str
    version: str
    folders: tuple[tuple[str, Path], ...]


def find_variant(given: str, build: Path) -> Variant:
    """Return the variant of this name in a build's folder, or the one in this folder (BonsaiError where there is
    none).
    """
    folder = build / given
    if not (folder / CARD_FILE).exists():
        if not (Path(given) / CARD_FILE).exists():
            raise BonsaiError(_unknown(given, build))
        folder = Path(given)
    folder = folder.absolute()
    card = read_card(folder)
    parts = (card.cascade.small, card.cascade.large) if card.cascade else ()
    return Variant(card.name, card.version, (*((part, folder.parent / part) for part in parts), (card.name, folder)))


def _unknown(given: str, build: Path) -> str:
    built = sorted(file.parent.name for file in build.glob(f"[a-z]*/{CARD_FILE}"))
    if not built:
        return (
            f"there is no variant '{given}', and no build in '{build}'; run 'python -m models.build' first, or name "
            "its folder with --out-of"
        )
    return f"there is no variant '{given}' in '{build}'; expected one of {', '.join(built)}, or a variant's folder"


def count_labels(variant: Variant) -> int:
    """Return how many labels a variant tells apart (BonsaiError)."""
    name, folder = variant.folders[0]
    try:
        return len(json.loads((folder / "config.json").read_text(encoding="utf-8"))["id2label"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BonsaiError(
            f"variant '{name}': '{folder / 'config.json'}' cannot be read; run 'python -m models.build' to build it "
            "again"
        ) from error


@cache
def open_variant(variant: Variant) -> Predictor:
    """Load a variant, once a process (BonsaiError where it is not whole)."""
    return load_variants(dict(variant.folders))[variant.name][1]
