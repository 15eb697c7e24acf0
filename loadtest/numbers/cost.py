"""What a million predictions cost, from a price for a core-hour: all cores that the server may use are paid for, busy
or not.
"""

from loadtest.numbers.result import Conditions

PRICE = 0.04  # of an hour of one core, in whatever currency; near what large clouds ask for on demand


def per_million(conditions: Conditions, rate: float | None) -> float | None:
    """Return the cost of a million predictions at `rate` a second; None where the server's cores are not known."""
    price, cores = conditions.price_per_core_hour, server_cores(conditions)
    if not rate or price is None or cores is None:
        return None
    return price * cores * 1e6 / (rate * 3600)


def server_cores(conditions: Conditions) -> int | None:
    """Return how many cores the server could use; of another machine we do not know, unless --server-cores said it."""
    if conditions.server_cores:
        return conditions.server_cores
    if conditions.generator and conditions.generator.server_cores:
        return len(conditions.generator.server_cores)
    return conditions.machine.usable_cores if conditions.same_machine else None
