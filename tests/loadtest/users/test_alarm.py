import gc
from time import perf_counter_ns

import pytest

from loadtest.users.alarm import Alarm


@pytest.fixture
def alarm() -> Alarm:
    return Alarm()


def test_it_never_comes_early(alarm: Alarm) -> None:
    for microseconds in (0, 5, 150, 250, 900, 3_000):
        due = perf_counter_ns() + 1000 * microseconds
        assert alarm.wait(due) is True
        assert perf_counter_ns() >= due
    alarm.close()


def test_it_looks_up_now_and_then_while_the_moment_is_far(alarm: Alarm) -> None:
    due = perf_counter_ns() + 10_000_000_000
    assert alarm.wait(due) is False
    assert perf_counter_ns() < due
    alarm.close()


def test_closing_twice_does_nothing_more(alarm: Alarm) -> None:
    alarm.close()
    alarm.close()
    gc.collect()
