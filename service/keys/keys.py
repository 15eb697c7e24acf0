"""Who a request comes from, by the header that it shows."""

import base64
import hmac
from collections.abc import Iterable
from typing import NamedTuple

from service.keys.allowance import Allowance
from service.keys.buckets import Buckets
from service.keys.entries import KEY, Entry, digest


class Key(NamedTuple):
    """A key that is known: whose it is, what it is for, and how much it may ask for."""

    name: str
    role: str
    allowance: Allowance | None = None


class Keys:
    """All keys of one reading of the file."""

    def __init__(self, entries: Iterable[Entry] = (), buckets: Buckets | None = None) -> None:
        """`buckets` are those that the workers of a service share (BonsaiError where they cannot be used)."""
        by_digest = {bytes.fromhex(entry.sha256): entry for entry in entries}
        limited = [digest for digest, entry in by_digest.items() if entry.texts_per_second is not None]
        until = dict(zip(limited, buckets.of(limited), strict=True)) if buckets is not None and limited else {}
        self._by_digest = {
            digest: (entry.sha256, _key(entry, until.get(digest))) for digest, entry in by_digest.items()
        }
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
        shown = _shown(authorization)
        if shown is None or not KEY.fullmatch(shown[1]):
            return None
        name, given = shown
        asked = digest(given)
        found = self._by_digest.get(asked)
        if found is None or not hmac.compare_digest(bytes.fromhex(found[0]), asked) or name not in ("", found[1].name):
            return None
        # Remembered as it is usually written: one header a key and scheme, and no longer.
        if authorization in (f"Bearer {given}", _basic(found[1].name, given)):
            self._verified[authorization] = found[1]
        return found[1]


def _shown(authorization: str) -> tuple[str, str] | None:
    """Return the name, where one is given, and the key that a header shows: as a bearer's, or as the password of a
    login, for clients that know nothing else (RFC 6750, RFC 7617).
    """
    scheme, _, given = authorization.partition(" ")
    match scheme.lower():
        case "bearer":
            return "", given.strip()
        case "basic":
            try:
                name, _, key = base64.b64decode(given.strip(), validate=True).decode().partition(":")
            except ValueError:
                return None
            return (name, key) if name else None
    return None


def _basic(name: str, key: str) -> str:
    return f"Basic {base64.b64encode(f'{name}:{key}'.encode()).decode()}"


def _key(entry: Entry, until: "memoryview[float] | None") -> Key:
    if entry.texts_per_second is None:
        return Key(entry.name, entry.role)
    return Key(entry.name, entry.role, Allowance(entry.texts_per_second, entry.burst, until))
