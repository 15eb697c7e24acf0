"""Prediction ids: what was answered, when and in which experiment, signed, so that feedback needs no look-up.

The labels of arms that run in the shadow are not known yet when an answer leaves; feedback is joined to them in the
store.
"""

import hmac
from base64 import urlsafe_b64decode
from binascii import b2a_base64
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

import orjson

from service.experiments.errors import Invalid

SIGNATURE = 16  # bytes
MOST_CHARACTERS = 1024
URL_SAFE = bytes.maketrans(b"+/", b"-_")


class Prediction(NamedTuple):
    """One text's answer: `key` is what the store calls it, `at` seconds since 1970."""

    experiment: str
    revision: int
    arm: str
    label: str
    at: int
    key: str
    override: bool = False


class Signer:
    """Signs what one experiment answers by one arm, at one revision."""

    def __init__(self, experiment: str, revision: int, arm: str, override: bool, secret: bytes) -> None:
        self._head = orjson.dumps([experiment, revision, arm])[:-1]
        self._tail = b"," + orjson.dumps(override) + b"]"
        self._keyed = blake2b(digest_size=SIGNATURE, key=secret[:64])

    def sign(self, label: str, at: int, key: str) -> str:
        """Return the id that a caller gets."""
        content = b'%b,%b,%d,"%b"%b' % (self._head, orjson.dumps(label), at, key.encode(), self._tail)
        keyed = self._keyed.copy()  # with the key worked in already
        keyed.update(content)
        return b2a_base64(keyed.digest() + content, newline=False).translate(URL_SAFE).rstrip(b"=").decode()


@lru_cache(maxsize=256)
def signer(experiment: str, revision: int, arm: str, override: bool, secret: bytes) -> Signer:
    """Return the signer of these answers, made once."""
    return Signer(experiment, revision, arm, override, secret)


def read(given: str, secret: bytes) -> Prediction:
    """Return what an id says (Invalid for one that this service did not sign)."""
    try:
        if len(given) > MOST_CHARACTERS:
            raise ValueError("too long")
        raw = urlsafe_b64decode(given.encode("ascii") + b"=" * (-len(given) % 4))
        signature, content = raw[:SIGNATURE], raw[SIGNATURE:]
        if not hmac.compare_digest(signature, _signature(content, secret)):
            raise ValueError("another signature")
        return Prediction(*orjson.loads(content))
    except (ValueError, TypeError):
        raise Invalid(
            f"the prediction id '{given[:24]}…' is not one that this service gave; expected the 'prediction_id' of an "
            "answer of POST /predict, as it stands there"
        ) from None


def _signature(content: bytes, secret: bytes) -> bytes:
    return blake2b(content, digest_size=SIGNATURE, key=secret[:64]).digest()
