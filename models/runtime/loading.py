"""Load finished variant folders into predictors, checked against their cards (no torch)."""

import errno
import os
import shutil
from collections.abc import Iterable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from models.runtime.card import CARD_FILE, CONTENT_FILES, MODEL_FILE, Card, content_hashes, is_whole, read_card, sha256
from models.runtime.cascade import Cascade
from models.runtime.classifier import Classifier, Predictor
from models.runtime.errors import BonsaiError
from models.runtime.files import DRAFT
from models.runtime.graph_file import check_graph
from models.runtime.model_file import model_of
from models.runtime.packing import open_packed, pack
from models.runtime.tokenization import Tokenizer

Tokenizers = MutableMapping[tuple[str, int], Tokenizer]
AGAIN = "run 'python -m models.build' to build it again"


def load_variants(
    folders: Mapping[str, Path],
    *,
    threads: int = 1,
    packed: Path | None = None,
    tokenizers: Tokenizers | None = None,
    loaded: Mapping[str, tuple[Card, Predictor]] | None = None,
) -> dict[str, tuple[Card, Predictor]]:
    """Load variants by name, in this order; a cascade shares the classifiers of its parts, which must be among them or
    among those that are `loaded` already (BonsaiError).

    `packed` is a folder into which another process may have packed variants, after it found them whole; `tokenizers`
    are those that are open, and gets those that are opened.
    """
    cards = {name: read_card(folder) for name, folder in folders.items()}
    for name, card in cards.items():
        if card.name != name:
            raise BonsaiError(f"variant '{name}': its folder '{folders[name]}' holds '{card.name}'; {AGAIN}")
        check_whole(folders[name], card, packed=is_packed(card, packed))
    tokenizers = {} if tokenizers is None else tokenizers
    parts = {**(loaded or {})}
    for name, card in cards.items():
        if card.cascade is None:
            parts[name] = card, _load_classifier(folders[name], card, threads, tokenizers, packed)
    return {
        name: (card, parts[name][1] if card.cascade is None else _join(card, parts)) for name, card in cards.items()
    }


def check_whole(folder: Path, card: Card, *, packed: bool = False) -> None:
    """Refuse a folder whose files are not those that its card was written for, or whose model leads out of its file;
    one that was found whole and is packed is not opened again, and its model not read (BonsaiError).
    """
    try:
        unread = {MODEL_FILE: card.model_sha256} if packed and card.model_sha256 is not None else {}
        if is_whole(folder, card, unread):
            if card.cascade is None and not packed:
                check_graph(model_of(folder))
            return
        found = content_hashes(folder)
        # A cascade has no files of its own; its parts are checked.
        missing = [name for name in CONTENT_FILES if found[name] is None and card.cascade is None]
        if missing:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), missing[0])
    except OSError as error:
        file = Path(error.filename or MODEL_FILE).name  # a disk that fails at reading names none
        raise BonsaiError(f"variant '{card.name}': {file} cannot be read ({error.strerror}); {AGAIN}") from error
    except ValueError as error:
        raise BonsaiError(f"variant '{card.name}': {MODEL_FILE} is not opened: {error}; {AGAIN}") from error
    if card.model_sha256 in (None, found[MODEL_FILE]):
        difference = f"{CARD_FILE}, or a file beside {MODEL_FILE},"
    else:
        difference = (
            f"{MODEL_FILE} has SHA-256 {found[MODEL_FILE]:.12}…, {CARD_FILE} says {card.model_sha256[:12]}…: it"
        )
    raise BonsaiError(f"variant '{card.name}': {difference} was changed or cut short; {AGAIN}")


def check_all_whole(folders: Iterable[Path]) -> None:
    """Refuse folders of which one is not what its card was written for (BonsaiError); two at a time, because hashing
    takes as long as packing.
    """
    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(lambda folder: check_whole(folder, read_card(folder)), folders):
            pass


def is_packed(card: Card, packed: Path | None) -> bool:
    """Tell whether this version of a variant lies packed in this folder; a cascade has nothing to pack."""
    return packed is not None and (card.cascade is not None or (packed / card.version).exists())


def pack_variants(folders: Mapping[str, Path], packed: Path) -> None:
    """Pack the models of variants, each in a folder named by its version, for processes on this machine that will
    share their weights (BonsaiError).
    """
    versions = {
        name: card.version for name, folder in folders.items() if not is_packed(card := read_card(folder), packed)
    }
    with ThreadPoolExecutor(2) as pool:
        tried = pool.map(lambda name: _try_to_pack(folders[name], packed / versions[name]), versions)
        for name, error in zip(versions, tried, strict=True):
            if error is not None:
                reason = f"{type(error).__name__}: {error}".partition("\n")[0]
                raise BonsaiError(f"'{name}' cannot be packed in '{packed}' ({reason})") from error


def _try_to_pack(folder: Path, packed: Path) -> Exception | None:
    draft = packed.with_name(f"{DRAFT}{packed.name}-{os.getpid()}")
    try:
        pack(model_of(folder), draft)
        draft.rename(packed)
    except Exception as error:  # no room, mostly; what ONNX Runtime says of it has no class of its own
        shutil.rmtree(draft, ignore_errors=True)
        return None if packed.exists() else error  # another process was faster
    return None


def _load_classifier(folder: Path, card: Card, threads: int, tokenizers: Tokenizers, packed: Path | None) -> Classifier:
    try:
        file = folder / "tokenizer.json"
        key = sha256(file), card.max_tokens
        tokenizer = tokenizers.get(key)  # most variants have their teacher's, of ten megabytes
        if tokenizer is None:
            tokenizer = tokenizers[key] = Tokenizer(file, card.max_tokens)
        classifier = Classifier(
            folder,
            max_tokens=card.max_tokens,
            temperature=card.temperature,
            threads=threads,
            tokenizer=tokenizer,
            session=open_packed(packed / card.version, threads) if packed and is_packed(card, packed) else None,
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


def _join(card: Card, parts: Mapping[str, tuple[Card, Predictor]]) -> Cascade:
    check_parts(card, {name: part.version for name, (part, _) in parts.items()})
    assert card.cascade is not None
    return Cascade(parts[card.cascade.small][1], parts[card.cascade.large][1], card.cascade.threshold)


def check_parts(card: Card, versions: Mapping[str, str]) -> None:
    """Refuse a cascade whose parts are not among these variants at the versions that it was made of (BonsaiError)."""
    assert card.cascade is not None
    for part, version in (
        (card.cascade.small, card.cascade.small_version),
        (card.cascade.large, card.cascade.large_version),
    ):
        if versions.get(part) != version:
            raise BonsaiError(f"variant '{card.name}': its part '{part}' at version {version} is not there; {AGAIN}")
