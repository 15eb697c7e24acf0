import socket
from pathlib import Path

import psutil
import pytest

from loadtest.ask.traffic import Traffic
from loadtest.measurement.conditions import Watch, conditions, is_local
from loadtest.users.address import Address


def test_conditions_name_machine_versions_and_corpus(corpus_file: Path) -> None:
    traffic = Traffic(str(corpus_file))
    questions = traffic.questions(["int8"])
    known = conditions(Address("127.0.0.1", 3000), traffic, questions, "feedfacecafe", 5.0)
    assert known.corpus.texts == 30
    assert known.corpus.labels_checked is True
    other = conditions(Address("127.0.0.1", 3000), traffic, questions[1:], None, 5.0)
    assert known.corpus.sha256 != other.corpus.sha256
    assert known.same_machine is True
    assert 0 <= known.busy_share_before <= 1
    assert known.machine.cores >= 1
    assert set(known.libraries) == {"locust", "gevent", "hdrhistogram"}


def test_shares_are_shares() -> None:
    watch = Watch()
    sum(number * number for number in range(300_000))
    shares = watch.share()
    assert 0 <= shares.busy_share <= 1
    assert 0 <= shares.steal_share <= 1


OWN = [
    one.address
    for those in psutil.net_if_addrs().values()
    for one in those
    if one.family.name in ("AF_INET", "AF_INET6")
]


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.0.0.2", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "::ffff:0.0.0.0", *OWN]
)
def test_this_machine_is_known_by_all_of_its_addresses(host: str) -> None:
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        pytest.skip("no such address family here")
    assert is_local(host)


@pytest.mark.parametrize("host", ["192.0.2.77", "2001:db8::1", "255.255.255.255", "no-such-host.invalid"])
def test_another_machine_is_not_this_one(host: str) -> None:
    assert not is_local(host)
