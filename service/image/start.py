"""The image's first process: says what is wrong with its volume in a sentence, ends when it is told to, and becomes
`bentoml serve`.

The kernel keeps signals from a first process that does not handle them, and BentoML does so once its workers are
started: until then `docker stop` would wait for its ten seconds.
"""

import os
import signal
import sys
import tempfile
from typing import NoReturn

WRITTEN = ("BENTOML_HOME", "TMPDIR")


def refusal() -> str:
    """Return why this user cannot run a service here, nothing where it can."""
    for name in WRITTEN:
        folder = os.environ.get(name) or tempfile.gettempdir()
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            return (
                f"'{folder}' ({name}) cannot be written by user {os.getuid()} ({error.strerror}); expected a volume "
                f"that it may write to: --tmpfs /data, or a folder of this user's: chown {os.getuid()} FOLDER"
            )
    return ""


def end(*_: object) -> NoReturn:
    """End as a program that a signal has ended."""
    sys.exit(128 + signal.SIGTERM)


def main() -> None:
    """Serve what the command line names; exit code 2 where that is not possible."""
    signal.signal(signal.SIGTERM, end)
    if reason := refusal():
        print(f"error: {reason}", file=sys.stderr)
        sys.exit(2)
    from bentoml_cli.cli import cli  # takes a second, in which it can be told to end

    sys.argv[:1] = ["bentoml", "serve"]
    cli()


if __name__ == "__main__":
    main()
