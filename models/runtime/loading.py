"""Load finished variant folders into predictors, checked against their cards (no torch)."""

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from models.runtime.card import CARD_FILE, CONTENT_FILES, MODEL_FILE, Card, is_whole, read_card
from models.runtime.cascade import Cascade
from models.runtime.classifier import Classifier, Predictor
from models.runtime.errors import BonsaiError
from models.runtime.packing import open_packed, pack
from models.runtime.tokenization import Tokenizer

Tokenizers = dict[tuple[str, int], Tokenizer]
AGAIN = "run 'python -m models.build' to build it again"


def load_variants(
    folders: dict[str, Path], *, threads: int = 1, packed: Path | None = None
) -> dict[str, tuple[Card, Predictor]]:
    """Load variants by name, in this order; a cascade shares the classifiers of its parts, which must be among them
    (BonsaiError).

    `packed` is the folder into which another process has packed these variants, after it found them whole.
    """
    cards = {name: read_card(folder) for name, folder in folders.items()}
    for name, card in cards.items():
        if card.name != name:
            raise BonsaiError(f"variant '{name}': its folder '{folders[name]}' holds '{card.name}'; {AGAIN}")
        if packed is None:
            check_whole(folders[name], card)
    tokenizers: Tokenizers = {}
    classifiers = {
        name: _load_classifier(folders[name], card, threads, tokenizers, packed and packed / name)
        for name, card in cards.items()
        if card.cascade is None
    }
    return {
        name: (card, classifiers[name] if card.cascade is None else _join(card, cards, classifiers))
        for name, card in cards.items()
    }


def check_whole(folder: Path, card: Card) -> None:
    """Refuse a folder whose files are not those that its card was written for (BonsaiError)."""
    try:
        if is_whole(folder, card):
            return
        # A cascade has no files of its own; its parts are checked.
        found = [
            hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in CONTENT_FILES if card.cascade is None
        ]
    except OSError as error:
        raise BonsaiError(
            f"variant '{card.name}': {Path(error.filename).name} cannot be read ({error.strerror}); {AGAIN}"
        ) from error
    if card.model_sha256 is None or card.model_sha256 in found:
        difference = f"{CARD_FILE}, or a file beside {MODEL_FILE},"
    else:
        difference = f"{MODEL_FILE} has SHA-256 {found[0][:12]}…, {CARD_FILE} says {card.model_sha256[:12]}…: it"
    raise BonsaiError(f"variant '{card.name}': {difference} was changed or cut short; {AGAIN}")


def check_all_whole(folders: Iterable[Path]) -> None:
    """Refuse folders of which one is not what its card was written for (BonsaiError); two at a time, because hashing
    takes as long as packing.
    """
    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(lambda folder: check_whole(folder, read_card(folder)), folders):
            pass


def pack_variants(folders: dict[str, Path], packed: Path) -> None:
    """Pack the models of variants for processes on this machine that will share their weights (BonsaiError)."""
    own = [name for name, folder in folders.items() if read_card(folder).cascade is None]
    with ThreadPoolExecutor(2) as pool:
        for name, error in zip(
            own, pool.map(lambda name: _try_to_pack(folders[name], packed / name), own), strict=True
        ):
            if error is not None:
                reason = f"{type(error).__name__}: {error}".partition("\n")[0]
                raise BonsaiError(f"'{name}' cannot be packed in '{packed}' ({reason})") from error


def _try_to_pack(folder: Path, packed: Path) -> Exception | None:
    try:
        pack(folder / MODEL_FILE, packed)
    except Exception as error:  # no room, mostly; what ONNX Runtime says of it has no class of its own
        return error
    return None


def _load_classifier(folder: Path, card: Card, threads: int, tokenizers: Tokenizers, packed: Path | None) -> Classifier:
    try:
        file = folder / "tokenizer.json"
        key = hashlib.sha256(file.read_bytes()).hexdigest(), card.max_tokens
        if key not in tokenizers:  # most variants have their teacher's, of ten megabytes
            tokenizers[key] = Tokenizer(file, card.max_tokens)
        classifier = Classifier(
            folder,
            max_tokens=card.max_tokens,
            temperature=card.temperature,
            threads=threads,
            tokenizer=tokenizers[key],
            session=None if packed is None else open_packed(packed, threads),
        )
        classifier.try_extremes()
    except (
        Exception
    ) as error:  # what ONNX Runtime, tokenizers and a missing key say of files that another version wrote
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise BonsaiError(
            f"variant '{card.name}' cannot be used here ({reason}); {AGAIN} with the versions of this environment"
        ) from error
    return classifier


def _join(card: Card, cards: dict[str, Card], classifiers: dict[str, Classifier]) -> Cascade:
    assert card.cascade is not None
    for part, version in (
        (card.cascade.small, card.cascade.small_version),
        (card.cascade.large, card.cascade.large_version),
    ):
        if part not in classifiers or cards[part].version != version:
            raise BonsaiError(f"variant '{card.name}': its part '{part}' at version {version} is not there; {AGAIN}")
    return Cascade(classifiers[card.cascade.small], classifiers[card.cascade.large], card.cascade.threshold)
