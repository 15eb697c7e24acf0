"""Makes a base image out of Debian's packages, where no registry of images can be reached:
`python -m service.image.debian`.

It serves the build stage alone: of it only the interpreter and some libraries come into what is served.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from models.runtime.errors import BonsaiError
from service.image.build import ENGINES, engine

PACKAGES = "python3,python3-pip,python3-venv,ca-certificates,binutils"
SUITE = "bookworm"  # has Python 3.11


def main(arguments: Sequence[str] | None = None) -> int:
    """Make it, and import it into an engine; exit code 2 where a program is missing."""
    parser = argparse.ArgumentParser(prog="python -m service.image.debian", description=__doc__)
    parser.add_argument("--tag", default="localhost/bonsai-python:3.11")
    parser.add_argument("--engine", choices=ENGINES, help="the first that answers")
    given = parser.parse_args(arguments)
    if not shutil.which("debootstrap"):
        print("'debootstrap' is not installed; on Debian 'apt-get install debootstrap'", file=sys.stderr)
        return 2
    try:
        into = given.engine or engine()
    except BonsaiError as problem:
        print(problem, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="bonsai-base-") as folder:
        root = Path(folder, "root")
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(root)]
        made = subprocess.run(command, stdout=subprocess.DEVNULL)
        if made.returncode:
            return made.returncode
        with subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as archive:
            return subprocess.run([into, "import", "-", given.tag], stdin=archive.stdout).returncode


if __name__ == "__main__":
    sys.exit(main())
