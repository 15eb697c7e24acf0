"""Texts as other people would have typed them: seeded typos and changes of case."""

from random import Random

KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
NEIGHBOURS = {
    key: [row[place + step] for step in (-1, 1) if 0 <= place + step < len(row)]
    for row in KEYS
    for place, key in enumerate(row)
}
TYPO_RATE = 0.05  # of the letters: one in a word of twenty, some two or three in a question


def typos(text: str, seed: int) -> str:
    """Return the text with letters dropped, doubled, swapped with the next or replaced by a neighbouring key."""
    order, letters, place = Random(f"{seed}:{text}"), list(text), 0
    out: list[str] = []
    while place < len(letters):
        letter = letters[place]
        if letter.lower() in NEIGHBOURS and order.random() < TYPO_RATE:
            kind = order.choice(("drop", "double", "swap", "neighbour"))
            if kind == "swap" and place + 1 < len(letters):
                out += [letters[place + 1], letter]
                place += 1
            elif kind != "drop":
                out += [letter, letter] if kind == "double" else [order.choice(NEIGHBOURS[letter.lower()])]
        else:
            out.append(letter)
        place += 1
    return "".join(out) if "".join(out).strip() else text


def other_case(text: str, seed: int) -> str:
    """Return the text in capitals, in small letters or with every word capitalized."""
    return Random(f"{seed}:{text}").choice((str.upper, str.lower, str.title))(text)
