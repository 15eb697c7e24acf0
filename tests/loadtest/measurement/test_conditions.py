from pathlib import Path

from loadtest.ask.traffic import Traffic
from loadtest.measurement.conditions import Watch, conditions
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
