"""The file of keys: one line a key, with its name, its role and its SHA-256, and never the key itself.

    shop predict sha256:9f86d081… texts_per_second=500 burst=1000

A key is 32 random bytes, which no one guesses however fast the hash is: SHA-256 keeps them as well as a slow derivation
keeps a password, and a wrong key costs the service a microsecond instead of a tenth of a second.
"""

import hashlib
import math
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from models.runtime.errors import BonsaiError
from models.runtime.regular import open_regular

ROLES = ("predict", "admin")
PREFIX = "bonsai_"  # by which those find a key who look for leaked ones
KEY = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
NUMBER = re.compile(r"[0-9]*\.?[0-9]+([eE][-+]?[0-9]{1,3})?", re.ASCII)
DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
MOST_BYTES, MOST_KEYS = 4 * 2**20, 10_000
LEAST_TEXTS, MOST_TEXTS = 1e-3, 1e9  # a second
LINE = "NAME predict|admin sha256:… [texts_per_second=N] [burst=N]"


class Entry(NamedTuple):
    """One key: whose it is, what it is for, its SHA-256 in hex, and how many texts it may ask for: a second for ever,
    and at once after a pause (none: as many as there is room for).
    """

    name: str
    role: str
    sha256: str
    texts_per_second: float | None = None
    burst: float | None = None

    def line(self) -> str:
        """Return the line of the file."""
        limits = [
            f"{name}={value:.15g}"
            for name, value in (("texts_per_second", self.texts_per_second), ("burst", self.burst))
            if value is not None
        ]
        return " ".join((self.name, self.role, f"sha256:{self.sha256}", *limits))


def make_key() -> str:
    """Return a new key."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(key: str) -> bytes:
    """Return what is kept of a key."""
    return hashlib.sha256(key.encode()).digest()


def read_entries(file: Path) -> list[Entry]:
    """Read a file of keys (BonsaiError)."""
    try:
        with open_regular(file) as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise BonsaiError(
            f"the keys in '{file}' cannot be read ({error.strerror}); 'python -m service.keys new NAME --role predict' "
            "makes one"
        ) from error
    return parse(content, str(file))


def parse(content: bytes, name: str) -> list[Entry]:
    """Read the content of a file of keys, which errors call `name` (BonsaiError).

    An empty file is refused: it is what one that is being written looks like. One without a key has a comment.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise BonsaiError(f"'{name}' is no file of keys; expected lines of UTF-8: {LINE}") from None
    if len(content) > MOST_BYTES or not text.strip():
        size = "empty" if not text.strip() else f"larger than {MOST_BYTES >> 20} MiB"
        raise BonsaiError(f"'{name}' is {size}; expected lines such as {LINE}, or a comment (#) where no key is valid")
    entries = list[Entry]()
    names, digests = dict[str, int](), dict[str, int]()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            entry = _entry(line.split())
        except ValueError as error:
            raise BonsaiError(f"'{name}', line {number}: {error}; expected {LINE}") from None
        for known, value in ((names, entry.name), (digests, entry.sha256)):
            if value in known:
                raise BonsaiError(
                    f"'{name}', line {number}: the same as in line {known[value]}; expected each key once"
                )
            known[value] = number
        entries.append(entry)
    if len(entries) > MOST_KEYS:
        raise BonsaiError(f"'{name}' has {len(entries):,} keys; expected at most {MOST_KEYS:,}")
    return entries


def _entry(words: Sequence[str]) -> Entry:
    """Return the entry of a line's words (ValueError, which repeats nothing that may be a key)."""
    if len(words) < 3:
        raise ValueError(f"{len(words)} words")
    name, role, kept, *options = words
    if not NAME.fullmatch(name) or name.startswith(PREFIX):
        raise ValueError("the first word is no name of letters, digits and . _ -")
    if role not in ROLES:
        raise ValueError(f"the role of '{name}' is not one of {', '.join(ROLES)}")
    found = DIGEST.fullmatch(kept)
    if found is None:
        raise ValueError(f"'{name}' has no SHA-256 in hex")
    limits = dict[str, float]()
    for option in options:
        what, _, value = option.partition("=")
        if what not in ("texts_per_second", "burst") or what in limits:
            raise ValueError(f"'{name}' has an option that there is not, or twice")
        limits[what] = read_limit(value)
    if "burst" in limits and "texts_per_second" not in limits:
        raise ValueError(f"'{name}' has a burst and no texts_per_second")
    return Entry(name, role, found[1], **limits)


def read_limit(value: str) -> float:
    """Return a number of texts (ValueError)."""
    number = float(value) if NUMBER.fullmatch(value) else math.nan
    if not LEAST_TEXTS <= number <= MOST_TEXTS:  # false of NaN, too
        raise ValueError(f"a limit is no number from {LEAST_TEXTS:g} to {MOST_TEXTS:,.0f}")
    return number
