"""Labels as a model's outputs: one spelling each, and an order."""

import ast
import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal

from models.runtime.errors import BonsaiError

UNSEEN = dict.fromkeys(
    map(ord, "\u00ad\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff")
)  # soft hyphen, zero-width space, marks of direction, word joiner, byte-order mark
# how other programs write that there is none: pandas, SQL, PostgreSQL's and MySQL's exports, and a spreadsheet's errors
GAPS = frozenset(
    {
        "nan",
        "NaN",
        "NaT",
        "<NA>",
        "NULL",
        "null",
        "\\N",
        "#N/A",
        "#NAME?",
        "#NULL!",
        "#NUM!",
        "#REF!",
        "#VALUE!",
        "#DIV/0!",
    }
)
GAPS_IN_ANY_CASE = frozenset({"null", "n/a"})  # as labels; somebody may write such a text
UNSEEN_KINDS = ("Cc", "Cf")  # Unicode's categories of control characters, joiners and marks of direction
VARIATION = re.compile("[\ufe00-\ufe0f]")  # which of its shapes a character has
BETWEEN_WORDS = re.compile(r"(?<=\w)[\s_\-\u2010-\u2015]+(?=\w)")  # B- beside B is another grade
APOSTROPHES = dict.fromkeys(map(ord, "\u2018\u2019\u02bc\u0060\u00b4"), "'")
STRUCTURE = re.compile(r"[\[({].*[\])}]", re.DOTALL)
ARRAY = re.compile(r"\[\s*-?\d[\d.]*(\s+-?\d[\d.]*)+\s*\]")  # NumPy puts no commas
SEVERAL = "a list, and several labels a text are not supported"
WHOLE = re.compile(r"-?[0-9]{1,100}")
WHOLE_AS_FLOAT = re.compile(r"(-?[0-9]{1,100})(\.0*)?")


def label_name(value: object) -> str | None:
    """Return a label in one spelling (blanks, Unicode's forms, unseen characters), None where there is none; ValueError
    for what is no label.
    """
    if (
        isinstance(value, float | Decimal)
        and value == value
        and value not in (float("inf"), float("-inf"))
        and value == int(value)
    ):
        value = int(value)  # a column of whole numbers with gaps is read as floats
    if value is None or value != value:  # NaN, which stands for a gap
        return None
    if not isinstance(value, str | int):
        raise ValueError("expected a name or a whole number")
    if isinstance(value, str) and (found := _kind_of_structure(value)):
        raise ValueError(f"{found}; expected a name or a whole number")
    name = " ".join(unicodedata.normalize("NFC", str(value)).translate(UNSEEN).split())
    return name if name and name not in GAPS and name.casefold() not in GAPS_IN_ANY_CASE else None


def _kind_of_structure(value: str) -> str:
    """Tell what a cell holds where JSON, Python or NumPy wrote it of no single value; nothing where it is a name."""
    value = value.strip()
    if not STRUCTURE.fullmatch(value):
        return ""
    if ARRAY.fullmatch(value):
        return SEVERAL
    try:
        found = ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ""
    return "an object" if isinstance(found, dict) else SEVERAL if isinstance(found, list | tuple | set) else ""


def whole_numbers(labels: Iterable[str]) -> dict[str, str]:
    """Return the whole number for every label, where all of them are whole numbers and some are written as 1.0; else
    nothing.
    """
    parts = {label: WHOLE_AS_FLOAT.fullmatch(label) for label in labels}
    if all(parts.values()) and any(part is not None and part[2] for part in parts.values()):
        return {label: part[1] for label, part in parts.items() if part is not None}
    return {}


def refuse_same_names(counts: Counter[str], name: str) -> None:
    """Refuse labels that differ only in case, in the width or shape of their characters, in unseen ones, in what stands
    between words, in quotes around them, a full stop after them or in how a number is written: nobody means two classes
    by them (BonsaiError).
    """
    alike: dict[str, list[str]] = {}
    for label in sorted(counts):
        whole = WHOLE_AS_FLOAT.fullmatch(label)
        plain = _plain(label)
        alike.setdefault(str(int(whole[1])) if whole else plain or label, []).append(label)
    doubles = [labels for labels in alike.values() if len(labels) > 1]
    if doubles:
        first = " and ".join(f"'{_shown(label)}' ({counts[label]} rows)" for label in doubles[0])
        more = f", and so do {len(doubles) - 1} more" if len(doubles) > 1 else ""
        raise BonsaiError(
            f"data set '{name}': the labels {first} differ only in how they are written{more}; expected one spelling "
            "a label"
        )


def _plain(label: str) -> str:
    """Return what is compared of a label."""
    seen = VARIATION.sub("", "".join(character for character in html.unescape(label) if not _is_unseen(character)))
    even = unicodedata.normalize("NFKC", seen.translate(APOSTROPHES)).casefold()
    return " ".join(BETWEEN_WORDS.sub(" ", even).strip("\"' ").removesuffix(".").split())


def _shown(label: str) -> str:
    """Return a label with the numbers of what nobody would see of it."""
    return "".join(
        character.encode("unicode_escape").decode()
        if _is_unseen(character) or VARIATION.match(character)
        else character
        for character in label
    )


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in UNSEEN_KINDS


def untested_in_words(labels: Sequence[str]) -> str:
    """Say that these labels have no test row."""
    which = f"the label '{labels[0]}' has" if len(labels) == 1 else f"{len(labels):,} labels, as '{labels[0]}', have"
    return f"{which} no test row: what a variant loses of {'it' if len(labels) == 1 else 'them'} is not seen"


def label_order(labels: set[str]) -> tuple[str, ...]:
    """Return labels in the order of a model's outputs: whole numbers as numbers ("2" before "10"), names as text."""
    whole = all(WHOLE.fullmatch(label) for label in labels)
    return tuple(sorted(labels, key=lambda label: (int(label) if whole else 0, label)))
