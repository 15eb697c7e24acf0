"""JSON in a body: how much of it, whole numbers, however they are written; and what an administrator writes, read
strictly.
"""

import json
from collections import Counter
from typing import Any

import orjson

from service.routes.refused import Refused

MOST_EXACT = 2**53  # beyond it a float stands for several whole numbers
MOST_STORED = 2**63  # what a database and an answer hold
MOST_LEVELS = 64  # of objects and arrays in one another; what we read has six
MOST_STRINGS = 16_384  # keys among them: twice as many as the largest request has


def check_strings(body: bytes, expected: str) -> None:
    """Refuse JSON of more strings than any request has (Refused 413): of every unknown key an error would be made."""
    quotes = body.count(b'"')
    if quotes > 2 * MOST_STRINGS:  # of which some may be escaped
        quotes = body.replace(b"\\\\", b"").replace(b'\\"', b"").count(b'"')
    if quotes > 2 * MOST_STRINGS:
        raise Refused(
            413,
            f"the body holds more than {MOST_STRINGS:,} strings and keys; expected at most {expected}: send them in "
            "several requests",
        )


def shown(value: Any) -> str:
    """Return a value as JSON has it, shortened, for a sentence about it."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:40]}…"


def whole(value: Any) -> Any:
    """Return a number without a fraction as an int: JSON knows one kind of number, and 1.0 is 1."""
    return int(value) if type(value) is float and abs(value) <= MOST_EXACT and value.is_integer() else value


def read_json(body: bytes) -> Any:
    """Return what a body holds; refuse what is no JSON, is nested deeply, or says something twice (Refused 400)."""
    try:
        orjson.loads(body)  # which is strict about numbers and surrogates
        given = json.loads(body, object_pairs_hook=once, parse_int=_int, parse_float=_float)
        _check_levels(given, MOST_LEVELS)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise Refused(400, f"the body is not JSON: {error}; expected an object in UTF-8") from None
    return given


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON by its pairs; refuse a key that is there twice (Refused 400)."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
        raise Refused(400, f"the key '{twice[0][:64]}' is there twice in one object; expected it once")
    return found


def _int(digits: str) -> int:
    number = int(digits)
    if abs(number) >= MOST_STORED:
        raise Refused(400, f"{digits[:24]} is no number of 64 bits; expected one that is")
    return number


def _float(digits: str) -> float:
    return whole(float(digits))  # type: ignore[no-any-return]


def _too_deep() -> Refused:
    return Refused(400, f"the body is nested more than {MOST_LEVELS} levels deep; expected fewer")


def _check_levels(given: Any, left: int) -> None:
    if not left:
        raise _too_deep()
    for each in given.values() if isinstance(given, dict) else given if isinstance(given, list) else ():
        _check_levels(each, left - 1)
