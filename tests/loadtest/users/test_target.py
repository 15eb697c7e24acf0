from collections.abc import Callable

import pytest

from loadtest.errors import LoadTestError
from loadtest.users.address import Address
from loadtest.users.target import alive, choose, fetch_cards


def test_names_the_variants_in_the_services_order(good_server: str) -> None:
    address = Address.parse(good_server)
    cards = fetch_cards(address)
    assert list(cards) == ["teacher", "int8", "tiny"]
    assert alive(address)
    assert list(choose(cards, None, address)) == list(cards)
    assert list(choose(cards, ["tiny", "teacher"], address)) == ["tiny", "teacher"]


def test_variants_that_are_not_served_or_named_twice_are_refused(good_server: str) -> None:
    address = Address.parse(good_server)
    with pytest.raises(LoadTestError, match=r"'none' is not served at .*; it has teacher, int8, tiny"):
        choose(fetch_cards(address), ["none"], address)
    with pytest.raises(LoadTestError, match="named twice"):
        choose(fetch_cards(address), ["int8", "int8"], address)


@pytest.mark.parametrize(
    "cards", [[], {}, {"variants": []}, {"variants": [{"name": "teacher"}]}, {"variants": [3]}, {"variants": None}]
)
def test_something_that_is_no_bonsai_service_is_refused(start_server: Callable[..., str], cards: object) -> None:
    with pytest.raises(LoadTestError):
        fetch_cards(Address.parse(start_server(cards=cards)))


def test_an_unreachable_service_names_the_command_that_starts_one() -> None:
    nobody = Address("127.0.0.1", 1)
    with pytest.raises(LoadTestError, match="make serve"):
        fetch_cards(nobody)
    assert not alive(nobody)


def test_a_service_that_wants_a_login_or_sends_elsewhere_says_what_helps(start_server: Callable[..., str]) -> None:
    server = start_server(login="me:secret")
    with pytest.raises(LoadTestError, match=r"wants to know who asks \(status 401\); give --host with a user"):
        fetch_cards(Address.parse(server))
    assert list(fetch_cards(Address.parse(server.replace("http://", "http://me:secret@")))) == [
        "teacher",
        "int8",
        "tiny",
    ]
    with pytest.raises(LoadTestError, match=r"sends elsewhere \(status 308\)"):
        fetch_cards(Address.parse(start_server(moved=308)))
