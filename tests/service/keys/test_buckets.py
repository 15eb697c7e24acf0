"""What every key has taken, in one file: over processes, changes of the keys, and at the limit of open files."""

import fcntl
import gc
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from models.runtime.errors import BonsaiError
from service.keys.buckets import FILE, PLACES, SIZE, Buckets
from service.keys.entries import MOST_KEYS, digest

ROOT = Path(__file__).parents[3]
WORKER = """
import sys
from pathlib import Path
from service.keys.buckets import Buckets
from service.keys.entries import digest
buckets = Buckets(Path(sys.argv[1]))
for key in sys.argv[2:]:
    (place,) = buckets.of([digest(key)])
    place[0] += 1 + len(key)
"""


def digests(first: int, count: int) -> list[bytes]:
    return [digest(str(number)) for number in range(first, first + count)]


def opened() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@contextmanager
def open_files(limit: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_all_keys_take_one_descriptor_together_and_so_do_those_after_a_change(tmp_path: Path) -> None:
    buckets, kept = Buckets(tmp_path), []
    gc.collect()  # what other tests left open would go meanwhile
    before = opened()
    for first in (0, MOST_KEYS // 2, MOST_KEYS):
        kept.append(buckets.of(digests(first, MOST_KEYS)))
    assert opened() <= before
    assert len({id(place.obj) for places in kept for place in places}) == 1
    assert [path.name for path in tmp_path.iterdir()] == [FILE] and (tmp_path / FILE).stat().st_size == SIZE


def test_a_key_keeps_its_number_when_others_come_and_go(tmp_path: Path) -> None:
    one, other = Buckets(tmp_path), Buckets(tmp_path)
    for number, place in enumerate(one.of(digests(0, 100))):
        place[0] = number + 1.0
    assert [place[0] for place in other.of(digests(50, 100))] == [*range(51, 101), *[0] * 50]
    assert [place[0] for place in Buckets(tmp_path).of(digests(0, 100))] == list(range(1, 101))


def test_processes_find_the_same_places(tmp_path: Path) -> None:
    orders = (["a", "bb", "ccc"], ["ccc", "d", "a"], ["bb", "a"])
    running = [subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path), *keys], cwd=ROOT) for keys in orders]
    assert [process.wait(timeout=600) for process in running] == [0] * 3
    found = [place[0] for place in Buckets(tmp_path).of([digest(key) for key in ("a", "bb", "ccc", "d")])]
    assert found == [6, 6, 8, 2]


def test_a_worker_that_opened_the_file_before_another_filled_it_adds_nothing(tmp_path: Path) -> None:
    with (tmp_path / FILE).open("a+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = [subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path), "a"], cwd=ROOT) for _ in range(2)]
        for process in waiting:
            while not any(file.path.endswith(FILE) for file in psutil.Process(process.pid).open_files()):
                assert process.poll() is None
                time.sleep(0.01)
    assert [process.wait(timeout=600) for process in waiting] == [0, 0]
    assert (tmp_path / FILE).stat().st_size == SIZE
    (place,) = Buckets(tmp_path).of([digest("a")])
    assert place[0] == 4


def test_places_of_keys_that_are_gone_are_given_to_others_once_all_are_taken(tmp_path: Path) -> None:
    buckets = Buckets(tmp_path)
    for first in range(0, PLACES, MOST_KEYS):
        for number, place in enumerate(buckets.of(digests(first, MOST_KEYS)), first):
            place[0] = PLACES - number
    stays = digests(PLACES - 1, 1)  # the one with the smallest number
    new = buckets.of([*stays, *digests(PLACES, MOST_KEYS - 1)])
    assert [place[0] for place in new] == [1.0] + [0.0] * (MOST_KEYS - 1)
    assert [place[0] for place in Buckets(tmp_path).of(digests(0, 2))] == [PLACES, PLACES - 1], "those that asked last"


def test_a_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BonsaiError, match=r"cannot be used \(No such file or directory\); expected room") as refused:
        Buckets(tmp_path / "none")
    buckets = Buckets(tmp_path)
    with open_files(0), pytest.raises(BonsaiError, match="Too many open files"):
        buckets.of([digest("a")])
    assert "\n" not in str(refused.value)
