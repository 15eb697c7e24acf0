import platform
import subprocess
import sys

import pytest

ASKED = """
import numpy as np
from models.prove.memory import held
from models.runtime.memory import keeping_freed

def grown_by():
    return held()["resident_mb"] - before

before = held()["resident_mb"]
np.ones(8_000_000)
print(grown_by())
with keeping_freed():
    np.ones(8_000_000)
    print(grown_by())
print(grown_by())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone can be told")
def test_what_is_freed_is_kept_within_and_goes_back_at_the_end() -> None:
    done = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=True)
    before, within, after = (float(line) for line in done.stdout.split())
    assert before < 32 and within > 60 and after < 32  # MB, of an array of 64
