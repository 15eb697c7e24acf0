import os
import subprocess
import sys

import pytest

from models.runtime.background import AUTOGROUP, IDLE, MEMORY, MOST

CODE = """
import os
from models.runtime.background import AUTOGROUP, MEMORY, give_way
give_way({nice}, idle={idle})
print(os.getsid(0) == os.getpid(), os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0) == os.SCHED_IDLE)
print(AUTOGROUP.read_text().split()[-1] if AUTOGROUP.exists() else "none")
print(MEMORY.read_text() if MEMORY.exists() else 0)
"""


@pytest.mark.parametrize(("nice", "idle", "light"), [(5, False, "5"), (5, True, "19"), (19, True, "19")])
def test_it_has_a_light_session_of_its_own(nice: int, idle: bool, light: str) -> None:
    done = subprocess.run([sys.executable, "-c", CODE.format(nice=nice, idle=idle)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    own, priority, is_idle, group, badness = done.stdout.split()
    assert own == "True"
    assert int(priority) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + nice)
    assert is_idle == "True" or not idle
    assert group == (light if AUTOGROUP.exists() else "none")
    before = int(MEMORY.read_text()) if MEMORY.exists() else 0
    assert int(badness) == (min(MOST, before + IDLE) if idle and MEMORY.exists() else before)
