"""The whole path, once: build the variants, start the service, compare the variants, stop the service (`make demo`)."""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from loadtest.measurement.interruption import heed_ctrl_c

READY_WITHIN_S, TELL_EVERY_S = 60, 10
# of its 90 s: were rounds to vary no more for being shorter, five would give an interval 1.6 times as wide
ROUNDS = "9"
UNBUFFERED = {**os.environ, "PYTHONUNBUFFERED": "1"}  # what a step prints shows at once, also where no terminal is


def main() -> int:
    """Run the steps as a person would, each as its own command; stop at the first that fails."""
    argparse.ArgumentParser(prog="python -m loadtest.demo", description=__doc__).parse_args()
    signal.signal(signal.SIGTERM, _end)
    heed_ctrl_c()
    started = time.monotonic()
    _run("models.build", "--recipe", "models/recipes/demo.yaml")
    built = time.monotonic()
    with _service() as host:
        code = _run("loadtest.run", "--host", host, "--quick", "--rounds", ROUNDS, check=False)
    total = time.monotonic() - started
    print(
        f"demo: {total / 60:.1f} minutes, {(built - started) / 60:.1f} of them building; reports: "
        "variants/report.html, loadtest/results/latest/report.html"
    )
    return code


@contextmanager
def _service() -> Iterator[str]:
    """Serve on a free port, in a process group of its own, until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    bentoml = Path(sys.executable).with_name("bentoml")
    command = [str(bentoml), "serve", "service.service:bonsai", "--host", "127.0.0.1", "--port", str(port)]
    host = f"http://127.0.0.1:{port}"
    print(f"$ {' '.join(['bentoml', *command[1:]])}", flush=True)
    # One worker: on two cores the load test has the other for itself.
    server = subprocess.Popen(command, start_new_session=True, env={**UNBUFFERED, "BONSAI_WORKERS": "1"})
    try:
        _wait_until_ready(host, server)
        yield host
    finally:
        _stop(server)


def _stop(server: "subprocess.Popen[bytes]") -> None:
    """End the server's process group, which may have died already."""
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGINT)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)


def _wait_until_ready(host: str, server: "subprocess.Popen[bytes]") -> None:
    began = told = time.monotonic()
    while (now := time.monotonic()) < began + READY_WITHIN_S:
        if now > told + TELL_EVERY_S:
            told = now
            print(f"demo: waiting for the service, {now - began:.0f} s", flush=True)
        if server.poll() is not None:
            sys.exit(
                f"error: the service ended with exit code {server.returncode} before it was ready; see its messages "
                "above"
            )
        try:
            with urllib.request.urlopen(f"{host}/readyz", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    sys.exit(f"error: the service was not ready within {READY_WITHIN_S} s; see its messages above")


def _end(*_: object) -> None:
    sys.exit(128 + signal.SIGTERM)


def _run(module: str, *arguments: str, check: bool = True) -> int:
    print(f"$ python -m {' '.join([module, *arguments])}", flush=True)
    with subprocess.Popen([sys.executable, "-m", module, *arguments], env=UNBUFFERED) as step:
        try:
            code = step.wait()
        except KeyboardInterrupt:  # the terminal told the step as well, which still draws what it has
            code = step.wait()
        except SystemExit:
            step.terminate()
            raise
    if check and code:
        sys.exit(code)
    return code


if __name__ == "__main__":
    sys.exit(main())
