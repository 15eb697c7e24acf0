"""Load finished variant folders into predictors, checked against their cards (no torch)."""

import hashlib
from pathlib import Path

from models.card import CARD_FILE, MODEL_FILE, Card, read_card
from models.cascade import Cascade
from models.classifier import Classifier, Predictor
from models.errors import BonsaiError


def load_variants(folders: dict[str, Path], *, threads: int = 1) -> dict[str, tuple[Card, Predictor]]:
    """Load variants by name, in this order; a cascade shares the classifiers of its parts, which must be among them (BonsaiError)."""
    cards = {name: read_card(folder) for name, folder in folders.items()}
    classifiers = {name: _load_classifier(folders[name], card, threads) for name, card in cards.items() if card.cascade is None}
    return {name: (card, classifiers[name] if card.cascade is None else _join(card, cards, classifiers)) for name, card in cards.items()}


def check_model_file(folder: Path, card: Card) -> None:
    """Refuse a model file whose SHA-256 is not the card's (BonsaiError)."""
    if card.cascade is not None:
        return  # it has no file of its own; its parts are checked
    try:
        found = hashlib.sha256((folder / MODEL_FILE).read_bytes()).hexdigest()
    except OSError as error:
        raise BonsaiError(f"variant '{card.name}': {MODEL_FILE} cannot be read ({error.strerror}); run 'python -m models.build' to build it again") from error
    if card.model_sha256 is None or found != card.model_sha256:
        raise BonsaiError(
            f"variant '{card.name}': {MODEL_FILE} has SHA-256 {found[:12]}…, {CARD_FILE} says {(card.model_sha256 or 'none')[:12]}…: "
            "the file was changed or cut short; run 'python -m models.build' to build it again"
        )


def _load_classifier(folder: Path, card: Card, threads: int) -> Classifier:
    check_model_file(folder, card)
    return Classifier(folder, max_tokens=card.max_tokens, temperature=card.temperature, threads=threads)


def _join(card: Card, cards: dict[str, Card], classifiers: dict[str, Classifier]) -> Cascade:
    assert card.cascade is not None
    for part, version in ((card.cascade.small, card.cascade.small_version), (card.cascade.large, card.cascade.large_version)):
        if part not in classifiers or cards[part].version != version:
            raise BonsaiError(f"variant '{card.name}': its part '{part}' at version {version} is not there; run 'python -m models.build' to build it again")
    return Cascade(classifiers[card.cascade.small], classifiers[card.cascade.large], card.cascade.threshold)
