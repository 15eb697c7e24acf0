"""Transfer text for distillation, made from the training texts themselves.

The teacher labels it, so it need not be good English (Jiao et al. 2020, section 3, replace words; here words are also dropped, swapped and spliced).
"""

from random import Random

DROP_WORD, DROP_AFTER_SWAP, REPLACE_WORD = 0.15, 0.07, 0.15


def transfer_texts(texts: list[str], labels: list[int], copies: int, seed: int) -> list[str]:
    """Return `copies` variations of every text: words dropped, swapped or replaced, and the head of one text joined to the tail of another."""
    order = Random(seed)
    by_label: dict[int, list[str]] = {}
    for text, label in zip(texts, labels, strict=True):
        by_label.setdefault(label, []).append(text)
    made = []
    for _ in range(copies):
        for text, label in zip(texts, labels, strict=True):
            words, kind = text.split(), order.random()
            if kind < 0.35:
                words = _drop(words, DROP_WORD, order)
            elif kind < 0.55:
                words = _drop(_swap(words, order), DROP_AFTER_SWAP, order)
            elif kind < 0.8:
                other = order.choice(by_label[label] if order.random() < 0.6 else texts).split()
                words = words[: max(1, order.randrange(len(words) + 1))] + other[order.randrange(len(other)) :]
            else:
                other = order.choice(texts).split()
                words = [order.choice(other) if order.random() < REPLACE_WORD else word for word in words]
            made.append(" ".join(words))
    return made


def _drop(words: list[str], rate: float, order: Random) -> list[str]:
    return [word for word in words if order.random() > rate] or words


def _swap(words: list[str], order: Random) -> list[str]:
    if len(words) < 3:
        return words
    place = order.randrange(len(words) - 1)
    return [*words[:place], words[place + 1], words[place], *words[place + 2 :]]
