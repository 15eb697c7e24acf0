import threading
import time

import pytest

from models.prove import parallel
from models.prove.parallel import each


def test_results_come_in_the_order_of_the_items_whoever_is_done_first() -> None:
    def work(number: int) -> int:
        time.sleep(0.01 * (5 - number))
        return number * number

    assert list(each(work, range(5))) == [0, 1, 4, 9, 16]
    assert list(each(work, [])) == []


def test_no_more_threads_run_than_a_quota_has_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "cores", lambda: 1.5)
    before = threading.active_count()
    assert max(each(lambda _: threading.active_count() - before, range(20))) <= 2


def test_an_error_reaches_the_caller_and_no_thread_is_left() -> None:
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        list(each(lambda number: 1 // number, [1, 0, 1]))
    assert threading.active_count() == before
