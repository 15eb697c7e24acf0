"""Prediction ids say what was signed, and nothing else is read."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as some

from service.experiments.errors import Invalid
from service.experiments.ids import Prediction, Signer, read

SECRET, OTHER = b"s" * 32, b"t" * 32


def sign(prediction: Prediction, secret: bytes) -> str:
    name, revision, arm, label, at, key, override = prediction
    return Signer(name, revision, arm, override, secret).sign(label, at, key)


PREDICTION = Prediction("nano_ab", 3, "nano", "lost card", 1_800_000_000, "a1b2.0")


@given(some.text(max_size=80).filter(lambda text: text.isprintable()), some.integers(0, 2**40), some.booleans())
def test_an_id_says_what_was_signed(label: str, at: int, override: bool) -> None:
    prediction = PREDICTION._replace(label=label, at=at, override=override)
    assert read(sign(prediction, SECRET), SECRET) == prediction


def test_an_id_is_short_and_fits_into_a_url() -> None:
    signed = sign(PREDICTION, SECRET)
    assert len(signed) < 128
    assert signed.translate(str.maketrans("", "", "-_.")).isalnum()


def test_every_change_is_found() -> None:
    signed = sign(PREDICTION, SECRET)
    for place in range(len(signed)):
        with pytest.raises(Invalid):
            read(signed[:place] + ("A" if signed[place] != "A" else "B") + signed[place + 1 :], SECRET)
        with pytest.raises(Invalid):
            read(signed[:place], SECRET)


@given(some.text(max_size=200))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="expected the 'prediction_id'"):
        read(text, SECRET)


def test_another_service_signs_otherwise() -> None:
    with pytest.raises(Invalid):
        read(sign(PREDICTION, OTHER), SECRET)


def test_a_long_one_is_not_even_decoded() -> None:
    with pytest.raises(Invalid):
        read(base64.urlsafe_b64encode(b"x" * 10**6).decode(), SECRET)
