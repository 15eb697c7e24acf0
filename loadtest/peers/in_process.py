"""The predictor without a server: `python -m loadtest.peers.in_process BODIES SECONDS` classifies the texts of a file
of requests, one request a call.

It says `ready`, waits for a line, and prints as JSON what each call took and the CPU time of all of them.
"""

import gc
import json
import sys
import time
from itertools import cycle
from pathlib import Path

from loadtest.peers.work import answer, open_predictor


def main(bodies: Path, seconds: float) -> None:
    """Classify for some seconds, after as many of warm-up or one, as a worker does that does nothing else."""
    predictor = open_predictor()
    requests = cycle([json.loads(line)["texts"] for line in bodies.read_text(encoding="utf-8").split("\n") if line])
    gc.collect()
    gc.freeze()  # as the service does
    until = time.perf_counter() + min(seconds, 1.0)
    while time.perf_counter() < until:
        answer(predictor, next(requests))
    print("ready", flush=True)
    sys.stdin.readline()
    taken: list[int] = []
    used = time.process_time()
    until = time.perf_counter() + seconds
    while (started := time.perf_counter()) < until:
        answer(predictor, next(requests))
        taken.append(round((time.perf_counter() - started) * 1e9))
    print(json.dumps({"nanoseconds": taken, "cpu_s": time.process_time() - used}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
