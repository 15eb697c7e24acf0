from collections.abc import Callable

import pytest

from loadtest.connection import Address
from loadtest.errors import LoadTestError
from loadtest.limit import livez_p50


def test_the_median_of_livez(good_server: str) -> None:
    assert livez_p50(Address.parse(good_server), 5.0) > 0


def test_a_service_without_livez_needs_a_limit_of_its_own(start_server: Callable[..., str]) -> None:
    with pytest.raises(LoadTestError, match="--p99-limit"):
        livez_p50(Address.parse(start_server() + "/elsewhere"), 5.0)
    with pytest.raises(LoadTestError, match="--p99-limit"):
        livez_p50(Address("127.0.0.1", 1), 5.0)
