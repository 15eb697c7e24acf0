"""Prediction ids: what was answered, when and in which experiment, signed, so that feedback needs no look-up.

The labels of arms that run in the shadow are not known yet when an answer leaves; feedback is joined to them in the
store.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import Any, NamedTuple

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


class Signer:
    """Signs what one experiment answers by one arm, at one revision.

    An id is written between a text and its answer, where each function that runs has to be fetched into the cache anew;
    so all that is the same for many ids is encoded once, and what is left is one string and one hash.
    """

    def __init__(self, experiment: str, revision: int, arm: str, override: bool, secret: bytes) -> None:
        self._head = _encoded([experiment, revision, arm, override])
        self._labels: dict[str, str] = {}
        self._at, self._stem = 0, f"{self._head}.0."
        self._keyed = blake2b(digest_size=SIGNATURE, key=secret[:64])

    def sign(self, label: str, at: int, key: str) -> str:
        """Return the id that a caller gets."""
        encoded = self._labels.get(label)
        if encoded is None:
            encoded = self._labels[label] = _encoded(label)
        if at != self._at:
            self._at, self._stem = at, f"{self._head}.{at:x}."
        content = f"{self._stem}{encoded}.{key}"
        keyed = self._keyed.copy()  # with the key worked in already
        keyed.update(content.encode())
        return f"{content}.{keyed.hexdigest()}"


def read(given: str, secret: bytes) -> Prediction:
    """Return what an id says (Invalid for one that this service did not sign)."""
    try:
        if len(given) > MOST_CHARACTERS:
            raise ValueError("too long")
        content, _, signature = given.rpartition(".")
        if not hmac.compare_digest(signature.encode("ascii"), _signature(content.encode("ascii"), secret).encode()):
            raise ValueError("another signature")
        head, at, label, key = content.split(".", 3)
        experiment, revision, arm, override = _decoded(head)
        return Prediction(experiment, revision, arm, _decoded(label), int(at, 16), key, override)
    except (ValueError, TypeError):
        raise Invalid(
            f"the prediction id '{given[:24]}…' is not one that this service gave; expected the 'prediction_id' of an "
            "answer of POST /predict, as it stands there"
        ) from None


def _signature(content: bytes, secret: bytes) -> str:
    return blake2b(content, digest_size=SIGNATURE, key=secret[:64]).hexdigest()


def _encoded(value: Any) -> str:
    return urlsafe_b64encode(orjson.dumps(value)).rstrip(b"=").decode()


def _decoded(part: str) -> Any:
    return orjson.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
