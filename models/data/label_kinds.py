"""Labels that say one thing in two ways: true and false in some rows, and 0 and 1, yes and no or T and F in others."""

import json
from decimal import Decimal

from models.data.labels import WHOLE_AS_FLOAT
from models.runtime.errors import BonsaiError

TRUTH, NUMBER, ANSWER = "true and false", "whole numbers", "yes and no"
TRUTH_LETTER, ANSWER_LETTER = "t and f", "y and n"
WORDS = {"true": TRUTH, "false": TRUTH, "yes": ANSWER, "no": ANSWER}
WORDS |= {"t": TRUTH_LETTER, "f": TRUTH_LETTER, "y": ANSWER_LETTER, "n": ANSWER_LETTER}
# Letters alone, or numbers beside yes and no, may be classes of their own.
SAME = {frozenset({TRUTH, other}) for other in (NUMBER, ANSWER, TRUTH_LETTER)} | {frozenset({ANSWER, ANSWER_LETTER})}


class Kinds:
    """The first label of each kind, and where it stands."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[str, str]] = {}

    def note(self, value: object, place: str) -> None:
        """Note a row's label; refuse booleans beside whole numbers, yes and no or their first letters, and yes and no
        beside theirs (BonsaiError).
        """
        kind = _kind(value)
        if kind is None or kind in self._first:
            return
        self._first[kind] = _written(value), place
        here, other = kind, next((other for other in self._first if {other, kind} in SAME), None)
        if other is None:
            return
        written, there = self._first[other]
        raise BonsaiError(
            f"{place}: the label is {self._first[here][0]} here and {written} at {there}, and both may mean one class; "
            f"expected either {other} or {here} in all rows"
        )


def _kind(value: object) -> str | None:
    """Return what a label is one of; in text only 0 and 1 are numbers that may mean false and true."""
    if isinstance(value, bool):
        return TRUTH
    if isinstance(value, int | float | Decimal):
        return NUMBER
    if not isinstance(value, str):
        return None
    word = value.strip().casefold()
    whole = WHOLE_AS_FLOAT.fullmatch(word)
    return NUMBER if whole and int(whole[1]) in (0, 1) else WORDS.get(word)


def _written(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, bool | str) else str(value)
