"""What a million predictions cost, from a price for a core-hour: all cores that the server may use are paid for, busy or not."""

from typing import Any

PRICE = 0.04  # of an hour of one core, in whatever currency; near what large clouds ask for on demand


def per_million(conditions: dict[str, Any], rate: float | None) -> float | None:
    """Return the cost of a million predictions at `rate` a second; None where the server's cores are not known."""
    price, cores = conditions.get("price_per_core_hour"), server_cores(conditions)
    if not rate or price is None or cores is None:
        return None
    return float(price * cores * 1e6 / (rate * 3600))


def server_cores(conditions: dict[str, Any]) -> int | None:
    """Return how many cores the server could use; of another machine we do not know, unless --server-cores said it."""
    generator = conditions.get("generator", {})
    if conditions.get("server_cores"):
        return int(conditions["server_cores"])
    if generator.get("server_cores"):
        return len(generator["server_cores"])
    return int(conditions["machine"]["usable_cores"]) if conditions.get("same_machine") else None
