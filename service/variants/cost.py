"""What a variant takes for some texts on this machine, told before it is asked: what a request is admitted by."""

import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from statistics import mean, median
from typing import NamedTuple

from models.runtime.batching import best_size, time_batches
from models.runtime.classifier import Predictor

Clock = Callable[[], float]  # seconds
SHORT, LONG = "where is my parcel now", "where is my parcel now, and why does nobody answer? " * 12
ALONE, ROUNDS = 16, 3
FAST_MS = 1.0  # alone: variants of which all sizes of a batch can be tried at every start
BATCH = 4  # of the others, where no build has measured what is best here


class Cost(NamedTuple):
    """Milliseconds: of a text by itself, of one in a batch, and of every character of either; how many characters of a
    text count, and how many texts a batch holds at the most.
    """

    alone: float
    batched: float
    character: float
    most_characters: int
    batch: int

    def of(self, texts: Sequence[str]) -> float:
        """Return the milliseconds that these texts will take, when the machine has nothing else to do."""
        if len(texts) == 1:
            return self.alone + self.character * min(len(texts[0]), self.most_characters)
        characters = sum(min(len(text), self.most_characters) for text in texts)
        return self.batched * len(texts) + self.character * characters


def measure_cost(
    predictor: Predictor,
    texts: Sequence[str],
    most_characters: int,
    batch: int | None = None,
    clock: Clock = time.perf_counter,
) -> Cost:
    """Time a variant with texts as they will come, and with a long one, alone and in batches; of how many texts, the
    build knows, or else it is found out here. `clock` is the thread's own where requests are answered meanwhile.
    """
    usual, long_text = list(texts[:ALONE]) or [SHORT], LONG[:most_characters]
    length = mean(map(len, usual))
    alone = mean(
        _ms(predictor, [text], clock) for text in usual
    )  # the mean: of a cascade some texts cost many times more
    if batch is None:
        batch = best_size(time_batches(predictor, usual, ROUNDS)) if alone < FAST_MS else BATCH
    in_batch = list(islice(cycle(usual), batch))
    long = median(_ms(predictor, [long_text], clock) for _ in range(ROUNDS))
    batched = median(_ms(predictor, in_batch, clock) for _ in range(ROUNDS)) / batch
    character = max(0.0, long - alone) / max(1.0, len(long_text) - length)
    given = character * length
    return Cost(max(0.0, alone - given), max(0.0, batched - given), character, most_characters, batch)


def _ms(predictor: Predictor, texts: Sequence[str], clock: Clock) -> float:
    started = clock()
    predictor.predict(texts)
    return (clock() - started) * 1000
