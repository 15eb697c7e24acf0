import resource
import subprocess
import sys

LIMITED = """
import resource, sys
soft, hard, count = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
from loadtest.errors import LoadTestError
from loadtest.measurement.open_files import allow_connections
try:
    allow_connections(count)
except LoadTestError as error:
    print(error)
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def limited(soft: int, hard: int, count: int) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *map(str, (soft, hard, count))], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_a_low_soft_limit_is_raised_and_a_high_one_left() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    enough = 900 if hard == resource.RLIM_INFINITY else min(hard, 900)
    assert limited(100, enough, 256) == ["320"]
    assert limited(500, enough, 256) == ["500"]


def test_a_low_hard_limit_is_named_with_what_is_needed() -> None:
    said, soft = limited(100, 120, 256)
    assert said.startswith(
        "the load generator may have 120 files open and needs 320; raise its limit first ('ulimit -n 320'"
    )
    assert soft == "100"
