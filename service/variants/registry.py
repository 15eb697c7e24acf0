"""The variants that are loaded, and what each of them costs."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from models.runtime.batching import Measured
from models.runtime.card import Card
from models.runtime.classifier import Predictor
from models.runtime.loading import Tokenizers, check_parts, load_variants
from service.variants.cost import Clock, Cost, measure_cost
from service.variants.errors import TooManyLabels, UnknownVariant
from service.variants.proved import Proved
from service.variants.startup import Row, StartupCheck, check

CHARACTERS_A_TOKEN = 5  # of English, about: what a text that is cut at max_tokens costs
WARM_UP_LENGTHS = (1, 8, 32, 128)  # words; a session sizes its memory at the first run of a length


class Loaded(NamedTuple):
    """A variant that is ready to answer."""

    card: Card
    predictor: Predictor
    startup_check: StartupCheck
    cost: Cost
    measured: Measured | None = None

    @property
    def proved(self) -> Proved:
        """What another process that opens it need not find out again."""
        return Proved(self.startup_check, self.cost)


class Registry:
    """Loaded variants by name; `swap` replaces them all at once, and requests under way keep what they started with."""

    def __init__(self, variants: dict[str, Loaded]) -> None:
        self._variants = variants

    def swap(self, variants: dict[str, Loaded]) -> None:
        """Serve these variants from the next request on."""
        self._variants = variants

    @property
    def names(self) -> list[str]:
        """The names of all variants, the teacher's first."""
        return list(self._variants)

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

    def ask(self, variant: str, top_k: int) -> Loaded:
        """Return a variant that knows so many labels (VariantError)."""
        loaded = self.find(variant)
        if top_k > len(loaded.predictor.labels):
            raise TooManyLabels(
                f"'top_k' is {str(top_k)[:40]}; expected 1 to {len(loaded.predictor.labels)}, the number of labels"
            )
        return loaded


def load(
    folders: Mapping[str, Path],
    threads: int,
    rows: Sequence[Row],
    measured: Mapping[str, Measured] | None = None,
    packed: Path | None = None,
    tokenizers: Tokenizers | None = None,
    unchanged: Mapping[str, Loaded] | None = None,
    clock: Clock = time.perf_counter,
    *,
    proved: Mapping[str, Proved] | None = None,
    at_once: int = 1,
) -> dict[str, Loaded]:
    """Load, warm up, time and check the variants of these folders (BonsaiError for one that is not what its card says),
    `at_once` of them side by side.

    `measured` is what the build found, of which the best batch counts where it was this kind of processor; `packed` is
    where another process has packed them, and `proved` what it found out about them there, by version; `tokenizers` are
    those that are open, and those that are `unchanged` are taken as they are; `clock` tells what texts take.
    """
    same, texts = unchanged or {}, [row.text for row in rows]
    new = load_variants(
        {name: folder for name, folder in folders.items() if name not in same},
        threads=threads,
        packed=packed,
        tokenizers=tokenizers,
        loaded={name: (variant.card, variant.predictor) for name, variant in same.items()},
    )
    versions = {name: card.version for name, (card, _) in new.items()}
    versions |= {name: variant.card.version for name, variant in same.items()}
    for variant in same.values():
        if variant.card.cascade is not None:
            check_parts(variant.card, versions)

    def ready(name: str) -> Loaded:
        if name in same:
            return same[name]
        card, predictor = new[name]
        for length in WARM_UP_LENGTHS:
            predictor.predict(["warm " * length])
        seen, known = (measured or {}).get(name), (proved or {}).get(card.version)
        if known is None:
            batch = seen.batch if seen is not None and seen.here else None
            cost = measure_cost(predictor, texts, card.max_tokens * CHARACTERS_A_TOKEN, batch, clock)
            known = Proved(check(name, predictor, rows), cost)
        return Loaded(card, predictor, known.startup_check, known.cost, seen)

    with ThreadPoolExecutor(at_once) as pool:
        return dict(zip(folders, pool.map(ready, folders), strict=True))
