"""Transfer text for distillation, made from the training texts themselves.

The teachers label it, so it need not be good English (Jiao et al. 2020, section 3, replace words; here words are also
dropped, swapped and spliced). Words that no training text has come in as neighbours of those that they have: else a
student of one layer never learns where they belong.
"""

import re
import sys
from random import Random

from models.train.embedding_neighbours import LETTERS, Neighbours

# Each is a word to BERT's tokenizer, whose blanks change nothing (Devlin et al. 2019's BasicTokenizer).
IDEOGRAPH = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f]")
DROP_WORD, DROP_AFTER_SWAP, REPLACE_WORD = 0.15, 0.07, 0.15
WITH_NEIGHBOURS, NEIGHBOUR = 0.7, 0.4  # share of the texts that take any, and of their words that are replaced


def augment(
    texts: list[str], labels: list[int], neighbours: Neighbours, count: int, seed: int, most: int = sys.maxsize
) -> list[str]:
    """Return `count` variations of the texts: words dropped, swapped or replaced, the head of one text joined to the
    tail of another, and neighbours; of a text the first `most` words, for a model that reads no more tokens.

    Every text has its turn, in an order drawn anew, before one has its next. With a larger count, those made before
    stay the same and come first.
    """
    order = Random(seed)
    by_label: dict[int, list[int]] = {}
    for row, label in enumerate(labels):
        by_label.setdefault(label, []).append(row)
    rows_of_all = range(len(texts))

    def words_of(row: int) -> list[str]:
        return IDEOGRAPH.sub(r" \g<0> ", texts[row]).split()[:most]

    made: list[str] = []
    while len(made) < count:
        for row in order.sample(range(len(texts)), len(texts))[: count - len(made)]:
            words, label, kind = words_of(row), labels[row], order.random()
            if kind < 0.35:
                words = _drop(words, DROP_WORD, order)
            elif kind < 0.55:
                words = _drop(_swap(words, order), DROP_AFTER_SWAP, order)
            elif kind < 0.8:
                other = words_of(order.choice(by_label[label] if order.random() < 0.6 else rows_of_all))
                words = words[: max(1, order.randrange(len(words) + 1))] + other[order.randrange(len(other)) :]
            else:
                other = words_of(order.choice(rows_of_all))
                words = [order.choice(other) if order.random() < REPLACE_WORD else word for word in words]
            text = " ".join(words)
            made.append(_with_neighbours(text, neighbours, order) if order.random() < WITH_NEIGHBOURS else text)
    return made


def _drop(words: list[str], rate: float, order: Random) -> list[str]:
    return [word for word in words if order.random() > rate] or words


def _swap(words: list[str], order: Random) -> list[str]:
    if len(words) < 3:
        return words
    place = order.randrange(len(words) - 1)
    return [*words[:place], words[place + 1], words[place], *words[place + 2 :]]


def _with_neighbours(text: str, neighbours: Neighbours, order: Random) -> str:
    def replaced(word: re.Match[str]) -> str:
        alike = neighbours.get(word.group())
        return order.choice(alike) if alike and order.random() < NEIGHBOUR else word.group()

    return LETTERS.sub(replaced, text)
