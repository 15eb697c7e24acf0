"""How figures, names and lists stand in a sentence."""

from collections.abc import Sequence

LABEL_SHOWN = 60  # characters


def points(share: float, digits: int = 2) -> str:
    """Return a difference of shares in percentage points, with a true minus."""
    return f"{round(100 * share, digits) + 0.0:.{digits}f}".replace("-", "−")  # adding zero turns minus zero into zero


def join(names: Sequence[str]) -> str:
    """Return names as an enumeration."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def quoted(label: str) -> str:
    """Return a label in quotes, in one line and short enough for a sentence."""
    line = " ".join(label.split())
    return f"'{line}'" if len(line) <= LABEL_SHOWN else f"'{line[:LABEL_SHOWN]}…'"
