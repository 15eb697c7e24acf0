import ctypes
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from models.runtime.yielding import Computing, Yielding, _ran

TIMERS = Path("/proc/self/timers")  # of this process, where the system shows them

pytestmark = pytest.mark.skipif(not TIMERS.exists(), reason="this system does not show the timers of a process")


def yielding_threads() -> set[int]:
    """Return the threads that have a timer."""
    return {int(line.rpartition(".")[2]) for line in TIMERS.read_text().splitlines() if line.startswith("notify")}


def spin(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_a_thread_computes_and_sleeps_as_usual_while_it_yields() -> None:
    yielding = Yielding()
    began = time.monotonic()
    with yielding:
        spin(0.05)
        time.sleep(0.1)
        assert not threading.Event().wait(0.1)
        assert subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True).stdout == b"42\n"
    assert time.monotonic() - began >= 0.25
    yielding.close()


def test_it_is_interrupted_within_the_block_only() -> None:
    wait = partial(ctypes.CDLL(None).poll, None, 0, 50)  # -1: by a signal
    yielding = Yielding()
    try:
        assert wait() == 0
        with yielding:
            assert wait() == -1
        assert wait() == 0
    finally:
        yielding.close()
    assert threading.get_native_id() not in yielding_threads()


def test_only_threads_that_compute_are_made_to_yield(monkeypatch: pytest.MonkeyPatch) -> None:
    end, ran = threading.Event(), dict[int, int]()
    # How much of a core a thread gets is other processes' to say; the timers are real.
    monkeypatch.setattr("models.runtime.yielding._ran", ran.copy)
    computing = Computing()
    threads = [threading.Thread(target=end.wait) for _ in range(2)]
    for thread in threads:
        thread.start()
    one, other = (thread.native_id or 0 for thread in threads)
    try:
        ran.update({one: 10**12, other: 0})
        computing.look()
        assert one in yielding_threads()
        assert other not in yielding_threads()
        ran.update({other: 10**12})
        computing.look()
        assert one not in yielding_threads()
        assert other in yielding_threads()
        computing.look()
        assert not {one, other} & yielding_threads()
    finally:
        end.set()
        for thread in threads:
            thread.join()


def test_what_a_thread_has_computed_is_known() -> None:
    before = _ran()[threading.get_native_id()]
    spin(0.1)
    # Of a thread that runs the system counts at its ticks, which are 10 ms apart at most.
    assert _ran()[threading.get_native_id()] - before > 80_000_000


@pytest.mark.parametrize(("idle", "expected"), [(False, "False"), (True, "True")])
def test_a_whole_process_does_if_it_has_the_idle_priority(idle: bool, expected: str) -> None:
    code = (
        "import os, time\n"
        "from models.runtime import yielding\n"
        "yielding.COMPUTES = 0  # how much of a core it gets is other processes' to say\n"
        f"os.sched_setscheduler(0, os.SCHED_IDLE if {idle} else os.SCHED_OTHER, os.sched_param(0))\n"
        "yielding.yield_often(if_idle=True)\n"
        "until = time.monotonic() + 200\n"
        "seen = 0\n"
        f"while not seen and time.monotonic() < until and (time.thread_time() < 1 or {idle}):\n"
        "    seen = open('/proc/self/timers').read().count('notify')\n"
        "print(seen > 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == expected, done.stderr
