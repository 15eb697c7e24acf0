import os
import signal
import socket
import subprocess
import sys

import pytest

from loadtest.measurement.pinning import listeners, pinned
from loadtest.users.address import Address


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core cannot be shared out")
def test_server_and_generator_get_cores_of_their_own_and_their_old_ones_back(good_server: str) -> None:
    address = Address.parse(good_server)
    before = os.sched_getaffinity(0)
    (server,) = listeners(address.port)
    with pinned(address, same_machine=True) as cores:
        assert cores.pinned is True
        assert os.sched_getaffinity(0) == set(cores.generator_cores or [])
        assert os.sched_getaffinity(server.pid) == set(cores.server_cores or [])
        assert not set(cores.generator_cores or []) & set(cores.server_cores or [])
    assert os.sched_getaffinity(0) == os.sched_getaffinity(server.pid) == before


GROWING = """
import os, socket, subprocess, sys
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
listener.accept()
child = subprocess.Popen(["sleep", "60"])
print(child.pid, flush=True)
child.wait()
"""


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core cannot be shared out")
def test_a_child_that_the_server_starts_meanwhile_is_not_left_pinned() -> None:
    before = os.sched_getaffinity(0)
    with subprocess.Popen([sys.executable, "-c", GROWING], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = Address("127.0.0.1", int(server.stdout.readline()))
        try:
            with pinned(address, same_machine=True) as cores:
                socket.create_connection((address.host, address.port)).close()
                child = int(server.stdout.readline())
                assert os.sched_getaffinity(child) == set(cores.server_cores or [])
            assert os.sched_getaffinity(child) == before
        finally:
            os.kill(child, signal.SIGKILL)


def test_what_cannot_be_pinned_says_why(good_server: str) -> None:
    with pinned(Address.parse(good_server), same_machine=True, generators=1000) as cores:
        assert cores.pinned is False
        assert "too few" in (cores.why or "")
    with pinned(Address("127.0.0.1", 1), same_machine=True) as cores:
        assert cores.pinned is False
