import os

import pytest

from loadtest.connection import Address
from loadtest.pinning import listeners, pinned


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core cannot be shared out")
def test_server_and_generator_get_cores_of_their_own_and_their_old_ones_back(good_server: str) -> None:
    address = Address.parse(good_server)
    before = os.sched_getaffinity(0)
    (server,) = listeners(address.port)
    with pinned(address, same_machine=True) as cores:
        assert cores["pinned"] is True
        assert os.sched_getaffinity(0) == set(cores["generator_cores"])
        assert os.sched_getaffinity(server.pid) == set(cores["server_cores"])
        assert not set(cores["generator_cores"]) & set(cores["server_cores"])
    assert os.sched_getaffinity(0) == os.sched_getaffinity(server.pid) == before


def test_what_cannot_be_pinned_says_why(good_server: str) -> None:
    with pinned(Address.parse(good_server), same_machine=True, generators=1000) as cores:
        assert cores["pinned"] is False
        assert "too few" in cores["why"]
    with pinned(Address("127.0.0.1", 1), same_machine=True) as cores:
        assert cores["pinned"] is False
