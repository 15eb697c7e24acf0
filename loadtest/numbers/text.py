"""How figures are written: with as many digits as they deserve, and a dash where there is none."""

from collections.abc import Mapping

from loadtest.numbers.intervals import Interval

NONE = "–"


def by_kind(failures: Mapping[str, int]) -> str:
    """Return failures as text, or 0."""
    return ", ".join(f"{count:,} {kind}" for kind, count in failures.items()) or "0"


def megabytes(size: int) -> str:
    """Return a file's size as people say it."""
    return f"{size / 1e6:.0f} MB" if size >= 10e6 else f"{size / 1e6:.2g} MB"


def milliseconds(time: float | None, over: Interval | None = None, *, interval: bool = False) -> str:
    """Write a time; with its interval where one is wanted, or [–] where a round alone has too few answers for one."""
    if time is None:
        return NONE
    if interval:
        return f"{milliseconds(time)} [{f'{milliseconds(over.low)}, {milliseconds(over.high)}' if over else NONE}]"
    return f"{time:.2f}" if time < 10 else f"{time:.1f}"


def rate(value: float | None, over: Interval | None = None, *, interval: bool = False) -> str:
    """Write a number a second, with its interval where one is wanted."""
    if value is None:
        return NONE
    if interval:
        return f"{rate(value)} [{f'{rate(over.low)}, {rate(over.high)}' if over else NONE}]"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def cost(value: float | None) -> str:
    """Write what a million predictions cost."""
    return NONE if value is None else f"{value:.2g}" if value < 10 else f"{value:,.0f}"


def ratio(value: Interval | None) -> str:
    """Write how many times as fast something is."""
    return NONE if value is None else f"{value.value:.2f} [{value.low:.2f}, {value.high:.2f}]"
