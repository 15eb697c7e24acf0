"""The process beside the workers that writes down their answers.

`python -m service.experiments.recorder ADDRESS`; the service starts it while an experiment runs.
"""

import argparse
import contextlib
import gc
import socket
import time
from pathlib import Path

from models.runtime.background import give_way
from service.experiments.companion import Ended, end_with_parent
from service.experiments.losses import LOST, Losses
from service.experiments.records import MOST_BYTES, decode
from service.experiments.settings import database_url
from service.store.store import Store
from service.store.writer import FULL_QUEUE, Writer

MOST_ROWS = 20_000  # that wait for the store
BUFFER = 4 * 2**20  # bytes of datagrams
TELL_S = 0.3
COLLECTED_AFTER = 100_000  # objects more than before
NICE = 5  # whoever waits for an answer goes first, but feedback waits for what holds the database


def main() -> None:
    """Listen at an address until ended; then write what is left."""
    parser = argparse.ArgumentParser(prog="python -m service.experiments.recorder", description=__doc__)
    parser.add_argument("address", type=Path)
    given = parser.parse_args()
    end_with_parent()
    give_way(NICE)
    given.address.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    listener.bind(str(given.address))
    listener.settimeout(TELL_S)
    gc.set_threshold(COLLECTED_AFTER)  # rows come and go, and no cycles with them
    writer = Writer(Store(database_url()), MOST_ROWS, background=True)
    LOST.labels(FULL_QUEUE)  # is 0 from now on: the rate of what first appears with a loss does not see that loss
    losses, told = Losses(writer), time.monotonic()
    end = Ended()
    while not end.is_set:
        with contextlib.suppress(TimeoutError):
            _take(listener, writer)
        if time.monotonic() - told >= TELL_S:
            told = time.monotonic()
            losses.tell()
    _write_what_is_left(listener, writer)
    losses.tell()


def _take(listener: socket.socket, writer: Writer) -> None:
    writer.offer_all(decode(listener.recv(MOST_BYTES)))


def _write_what_is_left(listener: socket.socket, writer: Writer) -> None:
    listener.setblocking(False)
    with contextlib.suppress(OSError):
        while True:
            _take(listener, writer)
    writer.close(3.0)


if __name__ == "__main__":
    main()
