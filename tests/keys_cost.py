"""What keys cost a request: `python -m tests.keys_cost`, one line of JSON at the end, a few seconds.

Each part is timed in rounds, one after another in turn, and its shortest round counts: what is longer was the machine.
"""

import json
import timeit
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median

from models.runtime.cpu import cpu_fields
from service.keys.entries import Entry, digest, make_key
from service.keys.keys import Keys
from service.routes.allowed import check_predict, spend
from service.routes.exchange import Request
from service.routes.refused import Refused
from service.routes.table import PREDICTING, find

ROUNDS, TIMES, OTHERS = 300, 1_000, 1_000  # others: keys in the same file


class Guard:
    """Where a front holds its keys."""

    def __init__(self, keys: Keys | None) -> None:
        self.keys = keys


def parts() -> dict[str, Callable[[], object]]:
    """Return what is timed, by name; a header is a new string each time, as in a request."""
    shop, limited, wrong = make_key(), make_key(), make_key()
    entries = [Entry("shop", "predict", digest(shop).hex()), Entry("limited", "predict", digest(limited).hex(), 1e9)]
    keys = Keys([*entries, *(Entry(f"n{each}", "predict", digest(make_key()).hex()) for each in range(OTHERS))])
    request = Request("POST", {}, b"", "", 0.0, 0.0)
    route = find("/int8/predict")
    assert route is not None
    handler, without = route.handlers["POST"], Guard(None)

    def header(key: str) -> Callable[[], None]:
        shown = f"Bearer {key}".encode()
        return lambda: request.headers.__setitem__(b"authorization", shown.decode("latin-1"))

    def checked(key: str) -> Callable[[], None]:
        put = header(key)

        def check() -> None:
            put()
            check_predict(request, keys)

        return check

    def refused() -> None:
        put_wrong()
        try:
            check_predict(request, keys)
        except Refused:
            return

    def no_keys() -> None:
        if without.keys is not None and handler in PREDICTING:
            check_predict(request, without.keys)

    put_wrong, other = header(wrong), Request("POST", {}, b"", "", 0.0, 0.0)
    return {
        "nothing": lambda: None,
        "header": header(shop),
        "without keys": no_keys,
        "without keys, counting its texts": lambda: spend(other, 1),
        "with a key": checked(shop),
        "with a key that has a rate": checked(limited),
        "the SHA-256 alone": lambda: digest(shop),
        "with a wrong key, refused": refused,
    }


def main() -> None:
    """Measure, and print nanoseconds."""
    timed = {name: timeit.Timer(part) for name, part in parts().items()}
    rounds = {name: list[float]() for name in timed}
    for _ in range(ROUNDS):
        for name, timer in timed.items():
            rounds[name].append(timer.timeit(TIMES) / TIMES * 1e9)
    least, middle = ({name: pick(each) for name, each in rounds.items()} for pick in (min, median))
    base = {name: "nothing" if name.startswith(("without", "the SHA-256 alone")) else "header" for name in timed}
    added = {name: round(least[name] - least[base[name]], 1) for name in timed if name not in ("nothing", "header")}
    conditions = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "rounds": ROUNDS,
        "times": TIMES,
        "keys": OTHERS,
    }
    print(
        json.dumps(
            {
                "conditions": {**conditions, "processor": cpu_fields().get("model name", "")},
                "added_ns": added,
                "shortest_ns": {name: round(value, 1) for name, value in least.items()},
                "median_ns": {name: round(value, 1) for name, value in middle.items()},
            }
        )
    )


if __name__ == "__main__":
    main()
