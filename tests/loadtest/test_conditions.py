import hashlib
from pathlib import Path

from loadtest.conditions import Disturbance, conditions
from loadtest.connection import Address


def test_conditions_name_machine_versions_and_corpus(corpus_file: Path) -> None:
    known = conditions(Address("127.0.0.1", 3000), corpus_file, 30, 5.0)
    assert known["corpus"]["sha256"] == hashlib.sha256(corpus_file.read_bytes()).hexdigest()
    assert known["same_machine"] is True
    assert known["machine"]["cores"] >= 1
    assert set(known["libraries"]) == {"locust", "gevent", "hdrhistogram"}


def test_shares_are_shares() -> None:
    disturbance = Disturbance()
    sum(number * number for number in range(300_000))
    shares = disturbance.share()
    assert 0 <= shares["busy_share"] <= 1
    assert 0 <= shares["steal_share"] <= 1
