"""The limit under which a rate counts: by default 10 ms above what the service takes to say that it lives, so that it judges models and not machines."""

from statistics import median
from time import perf_counter

from loadtest.connection import Address, Connection, Dropped, Late, get
from loadtest.errors import LoadTestError

ALLOWANCE_MS = 10.0
ASKED = 200


def livez_p50(address: Address, timeout: float) -> float:
    """Return the median of GET /livez in milliseconds, asked one after another."""
    connection = Connection(address, timeout)
    request = get(address, "/livez")
    times = []
    try:
        for _ in range(ASKED):
            started = perf_counter()
            status, _ = connection.ask(request)
            times.append(perf_counter() - started)
            if status >= 400:
                raise LoadTestError(f"{address}/livez answered {status}; expected 200, or give the limit with --p99-limit")
    except (Late, Dropped) as error:
        raise LoadTestError(f"{address}/livez did not answer ({error}); give the limit with --p99-limit") from error
    finally:
        connection.close()
    return 1000 * median(times)
