"""Builds the container image of the variants in `variants/`: `python -m service.image.build`.

`bentoml build` and `bentoml containerize` do the work. Around them: wheels are fetched here, so that the pip settings
of this machine never enter the build; the base image is named by its digest; labels say version and commit; and the
bill of materials is copied out to lie beside the image.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from models.runtime.errors import BonsaiError
from service.image.lock import container

PINS = ("service/requirements.txt", "service/image/tools.txt")
ENGINES = ("docker", "podman")
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}  # as engines and as wheels call those that are pinned
BASE = "docker.io/library/python:3.11-slim-bookworm"
WORK = Path("build/image")
SBOM = "/usr/share/sbom/bonsai.cdx.json"


def run(*command: str, **options: object) -> str:
    """Return what a command prints (BonsaiError with its last line where it fails)."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, **options)  # type: ignore[call-overload]
    except OSError as error:
        raise BonsaiError(
            f"'{command[0]}' cannot be run ({error.strerror}); expected a program that is there"
        ) from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().rpartition("\n")[2]
        raise BonsaiError(f"'{' '.join(command[:3])} …' failed: {said or f'exit code {done.returncode}'}")
    return str(done.stdout.strip())


def engine() -> str:
    """Return the container engine of this machine: the first that answers (BonsaiError)."""
    for name in ENGINES:
        if shutil.which(name) and subprocess.run([name, "info"], capture_output=True).returncode == 0:
            return name
    raise BonsaiError(
        f"no container engine answers; expected one of {', '.join(ENGINES)} (on Debian 'apt-get install podman runc')"
    )


def fetch_wheels(folder: Path, machine: str) -> None:
    """Fill a folder with the wheels that are pinned for a container on such a machine, and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [line for name in PINS for line in Path(name).read_text().splitlines() if line]
    wanted = {found for line in lines for found in re.findall("sha256:([0-9a-f]{64})", line)}
    there = set()
    for wheel in folder.iterdir():
        found = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if found in wanted and wheel.stem.endswith(("-any", machine)):
            there.add(found)
        else:
            wheel.unlink()
    for name in PINS:  # each by itself: both pin some libraries, at versions of their own
        missing = [
            line
            for line in Path(name).read_text().splitlines()
            if line and not there & set(re.findall("sha256:([0-9a-f]{64})", line))
        ]
        if missing:
            pins = folder.with_name("missing.txt")
            pins.write_text("\n".join(missing) + "\n")
            options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--require-hashes")
            where = (*container(machine), f"--dest={folder}", f"--requirement={pins}")
            run(sys.executable, "-m", "pip", "download", *options, *where)


def pinned(engine: str, base: str) -> str:
    """Return a base image by its digest, fetched from its registry unless it is this machine's own."""
    if not base.startswith("localhost/"):
        try:
            run(engine, "pull", "--quiet", base)
        except BonsaiError as problem:
            raise BonsaiError(f"{problem}; 'make image-base' makes one, for BASE_IMAGE=localhost/…") from None
    digests = json.loads(run(engine, "image", "inspect", "--format={{json .RepoDigests}}", base)) or []
    return str(digests[0]) if digests and not base.startswith("localhost/") else base


def machine_of(engine: str, base: str) -> str:
    """Return what a base image runs on, as wheels call it (BonsaiError where no wheel is pinned for it)."""
    said = run(engine, "image", "inspect", "--format={{.Architecture}}", base)
    if said not in MACHINES:
        raise BonsaiError(f"'{base}' is for '{said}'; expected a base image for one of {', '.join(MACHINES)}")
    return MACHINES[said]


def commit() -> str:
    """Return the commit that this is built from, marked where files differ from it."""
    try:
        return run("git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty")
    except (BonsaiError, OSError):
        return "unknown"


def containerize(engine: str, bento: str, tag: str, base: str) -> None:
    """Make the image of a Bento."""
    version = tomllib.loads(Path("pyproject.toml").read_text())["project"]["version"]
    arguments = {
        "BASE_IMAGE": base,
        "VERSION": version,
        "REVISION": commit(),
        "CREATED": datetime.now(UTC).isoformat(timespec="seconds"),
        "BENTO": bento,
    }
    temporary = (WORK / "temporary").absolute()
    temporary.mkdir(parents=True, exist_ok=True)
    options = [f"--opt=build-arg={name}={value}" for name, value in arguments.items()]
    options.append(f"--opt=build-context=wheels={(WORK / 'wheels').absolute()}")
    if engine == "podman":
        options.append("--opt=format=docker")  # the other format has no health check
    # BentoML unpacks the Bento there, and takes no Dockerfile template from outside the present folder.
    environment = {**os.environ, "TMPDIR": str(temporary)}
    bentoml = str(Path(sys.executable).with_name("bentoml"))
    log = WORK / "build.log"
    with log.open("w") as file:
        command = [bentoml, "containerize", bento, f"--backend={engine}", f"--image-tag={tag}", *options]
        done = subprocess.run(command, env=environment, stdout=file, stderr=subprocess.STDOUT)
    shutil.rmtree(temporary, ignore_errors=True)
    if done.returncode:
        raise BonsaiError(f"the image could not be built; '{log}' says why")


def copy_sbom(engine: str, tag: str, to: Path) -> None:
    """Copy the bill of materials out of an image."""
    created = run(engine, "create", tag)
    try:
        run(engine, "cp", f"{created}:{SBOM}", str(to))
    finally:
        run(engine, "rm", "--volumes", created)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, and say what came out of it."""
    parser = argparse.ArgumentParser(prog="python -m service.image.build", description=__doc__)
    parser.add_argument("--tag", default="localhost/bonsai:latest")
    parser.add_argument("--base-image", default=BASE, help="any with Debian and Python 3.11")
    parser.add_argument("--engine", choices=ENGINES, help="the first that answers")
    given = parser.parse_args(arguments)
    try:
        with_engine = given.engine or engine()
        base = pinned(with_engine, given.base_image)
        fetch_wheels(WORK / "wheels", machine_of(with_engine, base))
        bentoml = str(Path(sys.executable).with_name("bentoml"))
        bento = run(bentoml, "build", "--output", "tag").rpartition("__tag__:")[2]
        containerize(with_engine, bento, given.tag, base)
        sbom = WORK / f"{given.tag.rpartition('/')[2].replace(':', '-')}.cdx.json"
        copy_sbom(with_engine, given.tag, sbom)
        size = int(run(with_engine, "image", "inspect", "--format={{.Size}}", given.tag))
    except BonsaiError as problem:
        print(problem, file=sys.stderr)
        return 2
    print(f"{given.tag}: {size / 1e6:.0f} MB, of {bento}; its bill of materials: {sbom}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
