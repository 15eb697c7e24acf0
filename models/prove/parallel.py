"""Independent work on every core that this process may use, by a container's quota too: what runs in ONNX Runtime or
NumPy leaves Python's lock.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from models.runtime.cores import cores

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield the result for every item, in their order."""
    with ThreadPoolExecutor(math.ceil(cores())) as pool:
        yield from pool.map(work, items)
