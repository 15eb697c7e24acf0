"""Every request has an id: the client's own where it can be echoed."""

import pytest

from service.experiments.keys import AT_ONCE
from service.serving.request_ids import request_id


def test_made_ids_are_32_hex_digits_and_all_others() -> None:
    made = [request_id("") for _ in range(3 * AT_ONCE)]
    assert len(set(made)) == len(made)
    assert all(len(id) == 32 and set(id) <= set("0123456789abcdef") for id in made)


def test_a_given_id_is_kept() -> None:
    assert request_id("order 7") == "order 7"


@pytest.mark.parametrize("given", ["", "x" * 129, "a\nb", "é"])
def test_an_id_that_cannot_be_echoed_is_made_anew(given: str) -> None:
    assert len(request_id(given)) == 32
    assert request_id(given) != given
