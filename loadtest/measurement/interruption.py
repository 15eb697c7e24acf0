"""Ctrl-C as an event to wait for: as an exception it would come up in whichever greenlet, or destructor, runs at that
moment, and be lost there.
"""

import signal
from typing import Any

import gevent
from gevent.event import Event
from gevent.hub import Hub


def heed_ctrl_c() -> None:
    """Let Ctrl-C interrupt as usual: what a shell starts in the background ignores it, and so do its children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    Hub.NOT_ERROR = (*Hub.NOT_ERROR, KeyboardInterrupt)  # gevent would print it, though whoever is interrupted says so


def stop_on_signals() -> Event:
    """Return an event that the first Ctrl-C or termination sets; the second one ends the process as usual."""
    stop = Event()
    handlers: list[Any] = []

    def first() -> None:
        stop.set()
        for handler in handlers:
            handler.cancel()

    handlers += [gevent.signal_handler(number, first) for number in (signal.SIGINT, signal.SIGTERM)]
    return stop
