"""What a fault came to: a row of the table that our pages show."""

from collections.abc import Mapping
from typing import NamedTuple


class Row(NamedTuple):
    """A fault, what is done to bring it about, what is promised, what was seen, and whether the promise was kept."""

    fault: str
    done: str
    promised: str
    seen: str
    kept: bool

    def content(self) -> dict[str, object]:
        """Return it as it is stored."""
        return self._asdict()


def counts(found: Mapping[object, int]) -> str:
    """Return how often each thing was seen, in words."""
    return ", ".join(f"{count:,} x {what}" for what, count in sorted(found.items(), key=str)) or "nothing"
