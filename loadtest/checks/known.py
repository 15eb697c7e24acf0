"""Run the server whose service times are known, and ask it, as the truth, the ceiling and the A/A runs do."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gevent.event import Event

from loadtest.ask.traffic import Traffic
from loadtest.checks.known_server import LABEL, VERSION
from loadtest.measurement.bench import Bench
from loadtest.users.address import Address

VARIANT = "known"
VERSIONS = {VARIANT: VERSION}
TEXT = "where is the parcel that should have come on monday"


@contextmanager
def known_bench(stop: Event, knobs: dict[str, float] | None = None) -> Iterator[Bench]:
    """Start such a server, with a corpus that its answers agree with, for as long as the block runs."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus.jsonl"
        corpus.write_text(
            json.dumps({"text": TEXT, "label": LABEL, "expected": {VARIANT: LABEL}}) + "\n", encoding="utf-8"
        )
        server = subprocess.Popen(
            [sys.executable, "-m", "loadtest.checks.known_server", json.dumps(knobs or {})],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            yield Bench(Address("127.0.0.1", port), Traffic(str(corpus)), stop)
        finally:
            server.kill()
            server.communicate()
