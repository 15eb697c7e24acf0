"""The variants that are loaded, and the one `predict` that every route calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.card import Card
from models.classifier import Classifier, Prediction, load_variant
from service.messages import Refused

WARM_UP_LENGTHS = (1, 8, 32, 128)  # words; a session sizes its memory at the first run of a length


@dataclass(frozen=True)
class Loaded:
    """A variant that is ready to answer."""

    card: Card
    classifier: Classifier


class Registry:
    """Loaded variants by name; `swap` replaces them all at once, and requests under way keep what they started with."""

    def __init__(self, variants: dict[str, Loaded]) -> None:
        self._variants = variants

    def swap(self, variants: dict[str, Loaded]) -> None:
        """Serve these variants from the next request on."""
        self._variants = variants

    @property
    def cards(self) -> list[Card]:
        """The cards of all variants, the teacher's first."""
        return [loaded.card for loaded in self._variants.values()]

    def find(self, variant: str) -> Loaded:
        """Return a variant (Refused 404, with the names that there are)."""
        try:
            return self._variants[variant]
        except KeyError:
            raise Refused(404, f"no variant '{variant[:64]}'; expected one of {', '.join(self._variants)}") from None

    def predict(self, variant: str, texts: Sequence[str], top_k: int, deadline: float | None = None) -> tuple[Card, list[Prediction]]:
        """Classify texts with a variant; `deadline` is a time.monotonic() after which no further batch is begun (Refused 503)."""
        loaded = self.find(variant)
        if top_k > len(loaded.classifier.labels):
            raise Refused(400, f"'top_k' is {top_k}; expected 1 to {len(loaded.classifier.labels)}, the number of labels")
        try:
            return loaded.card, loaded.classifier.predict(texts, top_k, deadline)
        except TimeoutError as error:
            raise Refused(503, f"{error}; send fewer texts in a request, or try again later", Retry_After="1") from None


def load(folders: dict[str, Path], threads: int) -> dict[str, Loaded]:
    """Load and warm up the variants of these folders (BonsaiError for one that is not what its card says)."""
    variants = {}
    for name, folder in folders.items():
        card, classifier = load_variant(folder, threads=threads)
        for length in WARM_UP_LENGTHS:
            classifier.predict(["warm " * length])
        variants[name] = Loaded(card, classifier)
    return variants
