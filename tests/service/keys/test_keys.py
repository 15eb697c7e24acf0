"""Who a request comes from."""

import base64

import pytest

from service.keys.entries import Entry, digest, make_key
from service.keys.keys import Keys

SHOP, OPS = make_key(), make_key()
KEYS = Keys([Entry("shop", "predict", digest(SHOP).hex(), 5.0), Entry("ops", "admin", digest(OPS).hex())])


@pytest.mark.parametrize("written", ["Bearer {}", "bearer {}", "BEARER   {} "])
def test_a_key_is_known_however_its_header_is_written(written: str) -> None:
    for _ in range(2):
        found = KEYS.find(written.format(SHOP))
        assert found is not None and (found.name, found.role) == ("shop", "predict")
        assert found.allowance is not None and found.allowance.texts_per_second == found.allowance.burst == 5.0
    ops = KEYS.find(f"Bearer {OPS}")
    assert ops is not None and (ops.name, ops.role, ops.allowance) == ("ops", "admin", None)


@pytest.mark.parametrize(
    "header",
    [
        "", "Bearer", "Bearer ", SHOP, f"Basic {SHOP}", f"Bearer {SHOP[:-1]}", f"Bearer {SHOP}x",
        f"Bearer {make_key()}", f"Bearer {digest(SHOP).hex()}", f"Bearer sha256:{digest(SHOP).hex()}", "Bearer \x00",
        "Bearer " + "a" * 10_000,
    ],
    ids=map(str, range(12)),  # keys are new each time, and two processes have to agree on names
)  # fmt: skip
def test_nothing_else_is_one(header: str) -> None:
    assert KEYS.find(header) is None
    assert header not in KEYS._verified


def test_a_password_of_ones_own_is_no_key_even_where_its_digest_is_in_the_file() -> None:
    assert Keys([Entry("weak", "predict", digest("secret").hex())]).find("Bearer secret") is None


def login(name: str, key: str) -> str:
    return f"Basic {base64.b64encode(f'{name}:{key}'.encode()).decode()}"


def test_a_key_is_the_password_of_a_login_of_its_name() -> None:
    for _ in range(2):
        found = KEYS.find(login("shop", SHOP))
        assert found is not None and found.name == "shop"
    for wrong in (login("ops", SHOP), login("", SHOP), login("shop", make_key()), "Basic", "Basic !", "Basic 4pyT/w=="):
        assert KEYS.find(wrong) is None


def test_one_header_a_key_is_remembered() -> None:
    keys = Keys([Entry("shop", "predict", digest(SHOP).hex())])
    for spaces in range(100):
        assert keys.find(f"Bearer {' ' * spaces}{SHOP}") is not None
    assert list(keys._verified) == [f"Bearer {SHOP}"]


def test_an_admin_is_known_to_be_among_them() -> None:
    assert KEYS.has_admin and len(KEYS) == 2
    assert not Keys().has_admin
