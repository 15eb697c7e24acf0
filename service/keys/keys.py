"""Who a request comes from, by the header that it shows."""

import hmac
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from service.keys.allowance import Allowance
from service.keys.entries import KEY, Entry, digest


class Key(NamedTuple):
    """A key that is known: whose it is, what it is for, and how much it may ask for."""

    name: str
    role: str
    allowance: Allowance | None = None


class Keys:
    """All keys of one reading of the file."""

    def __init__(self, entries: Iterable[Entry] = (), shared: Path | None = None) -> None:
        """`shared` is the folder that the workers of a service share."""
        self._by_digest = {bytes.fromhex(entry.sha256): (entry.sha256, _key(entry, shared)) for entry in entries}
        self._verified: dict[str, Key] = {}  # by the header that showed them

    def __len__(self) -> int:
        return len(self._by_digest)

    @property
    def has_admin(self) -> bool:
        """Whether one of them is for changing things."""
        return any(key.role == "admin" for _, key in self._by_digest.values())

    def find(self, authorization: str) -> Key | None:
        """Return the key that a header `Authorization` shows, if it is one of these.

        No time tells how near a wrong key came: Python finds a header by a hash that is secret to this process, and a
        digest, which nobody can bring nearer to a stored one than by chance, is compared in constant time.
        """
        known = self._verified.get(authorization)
        return known if known is not None else self._verify(authorization)

    def _verify(self, authorization: str) -> Key | None:
        scheme, _, given = authorization.partition(" ")
        given = given.strip()
        if scheme.lower() != "bearer" or not KEY.fullmatch(given):
            return None
        asked = digest(given)
        found = self._by_digest.get(asked)
        if found is None or not hmac.compare_digest(bytes.fromhex(found[0]), asked):
            return None
        if authorization == f"Bearer {given}":  # remembered as it is usually written: one header a key, and no longer
            self._verified[authorization] = found[1]
        return found[1]


def _key(entry: Entry, shared: Path | None) -> Key:
    if entry.texts_per_second is None:
        return Key(entry.name, entry.role)
    return Key(entry.name, entry.role, Allowance(entry.sha256, entry.texts_per_second, entry.burst, shared))
