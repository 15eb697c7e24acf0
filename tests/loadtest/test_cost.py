import pytest

from loadtest.cost import per_million, server_cores

HERE = {"same_machine": True, "machine": {"usable_cores": 4}, "price_per_core_hour": 0.036}


def test_all_cores_of_the_server_are_paid() -> None:
    assert per_million(HERE, 1000.0) == pytest.approx(4 * 0.036 * 1000 / 3600)
    assert per_million({**HERE, "generator": {"server_cores": [0]}}, 1000.0) == pytest.approx(0.01)


def test_the_cores_of_another_machine_must_be_said() -> None:
    there = {**HERE, "same_machine": False}
    assert server_cores(there) is None
    assert per_million(there, 1000.0) is None
    assert server_cores({**there, "server_cores": 16}) == 16
    assert per_million(HERE, None) is None
