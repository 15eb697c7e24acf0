"""Writes beside each pin of a requirements file the SHA-256 of the wheels that containers install.

`python -m service.image.lock`, after a version was changed, asks the package index for the files of 64-bit x86 and ARM
Linux.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = ("service/requirements.txt", "service/image/tools.txt")
MACHINES = ("x86_64", "aarch64")
GLIBC = range(17, 37)  # of the wheels that Debian 12 can install


def lock(file: Path) -> None:
    """Write the hashes into a file of pins, one line a package."""
    pins = [line.split()[0] for line in file.read_text().splitlines() if line]
    hashes: dict[str, set[str]] = {}
    for machine in MACHINES:
        for name, found in _wheels(pins, machine).items():
            hashes.setdefault(name, set()).add(found)
    lines = [
        " ".join([pin, *(f"--hash=sha256:{found}" for found in sorted(hashes[_normal(pin.split("==")[0])]))])
        for pin in pins
    ]
    file.write_text("\n".join(lines) + "\n")


def container(machine: str) -> list[str]:
    """Return the options with which pip takes the wheels of a container, whatever it runs on itself."""
    platforms = [f"manylinux_2_{version}_{machine}" for version in GLIBC]
    return [
        "--python-version=3.11",
        "--implementation=cp",
        *(f"--platform={name}" for name in (*platforms, f"manylinux2014_{machine}")),
    ]


def _wheels(pins: list[str], machine: str) -> dict[str, str]:
    """Return the hash of the wheel that pip takes for each pin; no setting of this machine's pip has a say, so that it
    is the index's own file.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--dry-run"),
            *("--ignore-installed", "--no-deps", "--only-binary=:all:", *container(machine)),
            *(f"--target={folder}/none", f"--report={report}", *pins),
        ]
        own = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        subprocess.run(command, check=True, env={**own, "PIP_CONFIG_FILE": os.devnull})
        installed = json.loads(report.read_text())["install"]
    return {
        _normal(each["metadata"]["name"]): each["download_info"]["archive_info"]["hashes"]["sha256"]
        for each in installed
    }


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m service.image.lock", description=__doc__).parse_args()
    for name in FILES:
        lock(ROOT / name)
