"""What of the last build still stands: found out by hashes, before anything heavy is imported."""

from pathlib import Path

from pydantic import ValidationError

from models.build.corpus import corpus_sha256
from models.data.kept import read_dataset
from models.plan.plan import CascadePlan, VariantPlan
from models.prove.latency import is_measured
from models.prove.predictions import read_predictions
from models.runtime.card import is_whole, read_card
from models.runtime.errors import BonsaiError
from models.runtime.store import Build, in_store


def is_current(variant: VariantPlan | CascadePlan, out: Path, last: Build | None, rows: int) -> bool:
    """Tell whether the last build made exactly this variant, and its folder, its predictions and its model in the store
    are still whole.
    """
    built = last.variants.get(variant.name) if last else None
    if built is None or built.key != variant.key or not in_store(built.tag):
        return False
    folder = out / variant.name
    try:
        card = read_card(folder)
        return (
            built.tag.endswith(card.version) and is_whole(folder, card) and len(read_predictions(folder).given) == rows
        )
    except (BonsaiError, ValidationError, OSError):
        return False


def is_unchanged(names: list[str], out: Path, last: Build) -> bool:
    """Tell whether a build of these variants, all of them current, would write just what is there."""
    return (
        list(last.variants) == names
        and last.corpus_sha256 == corpus_sha256(out)
        and all(is_measured(out / name) for name in names)
        and _keeps_data(out, last)
    )


def _keeps_data(out: Path, last: Build) -> bool:
    try:
        read_dataset(out, last.dataset.get("sha256"))
        return True
    except BonsaiError:
        return False
