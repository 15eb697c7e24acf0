"""What the log says of an error."""

import logging

import pytest

from models.runtime.traces import log_failure, trace


def test_places_and_classes_are_told_and_nothing_that_was_given(caplog: pytest.LogCaptureFixture) -> None:
    def deep(text: str) -> None:
        try:
            raise ValueError(f"cannot read {text}")
        except ValueError as problem:
            raise KeyError(text) from problem

    with caplog.at_level(logging.INFO):
        try:
            deep(" ".join(("a", "secret")))
        except KeyError as problem:
            log_failure(logging.getLogger("x"), problem, "request %s failed", "7")
    assert "request 7 failed: builtins.ValueError" in caplog.text and "builtins.KeyError" in caplog.text
    assert "in deep" in caplog.text and "a secret" not in caplog.text


def test_a_chain_in_a_circle_ends() -> None:
    one, other = ValueError(), KeyError()
    one.__cause__, other.__cause__ = other, one
    assert trace(one) == "builtins.KeyError\nbuiltins.ValueError"
