"""Prediction ids: what was answered, when and in which experiment, signed, so that feedback needs no look-up.

The labels of arms that run in the shadow are not known yet when an answer leaves; feedback is joined to them in the
store.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import NamedTuple

import orjson

from service.experiments.errors import Invalid

SIGNATURE = 16  # bytes
MOST_CHARACTERS = 1024


class Prediction(NamedTuple):
    """One text's answer: `key` is what the store calls it, `at` seconds since 1970."""

    experiment: str
    revision: int
    arm: str
    label: str
    at: int
    key: str
    override: bool = False


def sign(prediction: Prediction, secret: bytes) -> str:
    """Return the id that a caller gets."""
    content = orjson.dumps(tuple(prediction))
    return urlsafe_b64encode(_signature(content, secret) + content).rstrip(b"=").decode()


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
