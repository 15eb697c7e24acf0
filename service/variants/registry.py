"""The variants that are loaded, and the one `predict` that every route calls."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from models.runtime.card import Card
from models.runtime.classifier import Prediction, Predictor
from models.runtime.loading import load_variants
from service.variants.errors import TooLate, TooManyLabels, UnknownVariant
from service.variants.startup import Row, StartupCheck, check

WARM_UP_LENGTHS = (1, 8, 32, 128)  # words; a session sizes its memory at the first run of a length


class Loaded(NamedTuple):
    """A variant that is ready to answer."""

    card: Card
    predictor: Predictor
    startup_check: StartupCheck


class Registry:
    """Loaded variants by name; `swap` replaces them all at once, and requests under way keep what they started with."""

    def __init__(self, variants: dict[str, Loaded]) -> None:
        self._variants = variants

    def swap(self, variants: dict[str, Loaded]) -> None:
        """Serve these variants from the next request on."""
        self._variants = variants

    @property
    def variants(self) -> list[Loaded]:
        """All variants, the teacher first."""
        return list(self._variants.values())

    def find(self, variant: str) -> Loaded:
        """Return a variant (UnknownVariant, with the names that there are)."""
        try:
            return self._variants[variant]
        except KeyError:
            raise UnknownVariant(f"no variant '{variant[:64]}'; expected one of {', '.join(self._variants)}") from None

    def predict(
        self, variant: str, texts: Sequence[str], top_k: int, deadline: float | None = None
    ) -> tuple[Card, list[Prediction]]:
        """Classify texts with a variant; `deadline` is a time.monotonic() after which no further batch is begun
        (VariantError).
        """
        card, predictor, _ = self.find(variant)
        if top_k > len(predictor.labels):
            raise TooManyLabels(f"'top_k' is {top_k}; expected 1 to {len(predictor.labels)}, the number of labels")
        try:
            return card, predictor.predict(texts, top_k, deadline)
        except TimeoutError as error:
            raise TooLate(f"{error}; send fewer texts in a request, or try again later") from None


def load(folders: dict[str, Path], threads: int, rows: Sequence[Row]) -> dict[str, Loaded]:
    """Load, warm up and check the variants of these folders (BonsaiError for one that is not what its card says)."""
    loaded = {}
    for name, (card, predictor) in load_variants(folders, threads=threads).items():
        for length in WARM_UP_LENGTHS:
            predictor.predict(["warm " * length])
        loaded[name] = Loaded(card, predictor, check(name, predictor, rows))
    return loaded
