"""What can happen to a build: killed at any moment, no room on the disk, a second one, a clock that was set back, what
it left damaged, a hub that is away.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from models.runtime.card import is_whole, read_card
from models.runtime.errors import BonsaiError
from tests.faults.rows import Row, counts
from tests.processes import ROOT
from tests.tiny import Tiny

AHEAD_S = 400 * 86_400
FAKETIME = Path("/usr/lib")  # where Debian's package faketime puts its library, in the machine's folder


class Folder:
    """A folder to build in, with a BentoML home of its own."""

    def __init__(self, folder: Path, tiny: Tiny) -> None:
        self.out, self.home = folder / "variants", folder / "home"
        self._recipe = tiny.recipe
        folder.mkdir(parents=True, exist_ok=True)

    def start(self, *more: str, **environment: str) -> "subprocess.Popen[str]":
        """Start a build."""
        command = [sys.executable, "-m", "models.build", "--recipe", str(self._recipe), "--out", str(self.out), *more]
        env = {**os.environ, "BENTOML_HOME": str(self.home), "HF_HUB_OFFLINE": "1", **environment}
        return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def build(self, *more: str, **environment: str) -> tuple[int, str]:
        """Build to the end, and return the exit code and what was said."""
        process = self.start(*more, **environment)
        said, _ = process.communicate()
        return process.returncode, said

    def halves(self) -> int:
        """Return how many variants there are that are not what their cards say."""
        folders = [path for path in self.out.glob("[!.]*") if path.is_dir()]
        return sum(not _whole(folder) for folder in folders)

    def versions(self) -> dict[str, str]:
        """Return the version of each variant of the finished build."""
        build = json.loads((self.out / "build.json").read_text())
        return {name: variant["tag"] for name, variant in build["variants"].items()}

    def cards(self) -> dict[str, Any]:
        """Return what each card says."""
        return {name: json.loads((self.out / name / "card.json").read_text()) for name in self.versions()}


def _whole(folder: Path) -> bool:
    try:
        return bool(is_whole(folder, read_card(folder)))
    except (BonsaiError, OSError):
        return False


def _sentence(said: str) -> str:
    """Return the one sentence that was said, or nothing where it was a traceback."""
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    return errors[-1] if len(errors) == 1 and "Traceback" not in said else ""


def killed(folder: Path, tiny: Tiny, kills: int, seed: int) -> Row:
    """Kill builds at random moments, and let the last one end."""
    chance, place, halves, early, done = random.Random(seed), Folder(folder / "killed", tiny), 0, 0, 0
    began = time.monotonic()
    reference = Folder(folder / "reference", tiny)
    assert reference.build()[0] == 0
    length = time.monotonic() - began
    while done < kills:
        process = place.start()
        try:
            process.communicate(timeout=chance.uniform(0.0, 0.6 * length))
            shutil.rmtree(place.out, ignore_errors=True)  # it was done: begin anew
            shutil.rmtree(place.home, ignore_errors=True)
            continue
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        done += 1
        halves += place.halves()
        if (place.out / "build.json").exists():
            early += place.versions() != reference.versions()
    code, _ = place.build()
    same = code == 0 and place.cards() == reference.cards()
    return Row(
        "kill -9 of a build",
        f"{kills} times at random moments of the tiny build, each time begun again",
        "no half-written variant; the last build has the cards and versions of one that nobody killed",
        f"{halves} half-written variants, {early} wrong build.json; cards and versions {'equal' if same else 'differ'}",
        same and not halves and not early,
    )


@contextmanager
def small_disk(folder: Path, kb: int) -> Iterator[Path]:
    """Mount a file system of this size (OSError where that is not allowed)."""
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kb}k", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        raise OSError(mounted.stderr.strip())
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def full_disk(folder: Path, tiny: Tiny, sizes: list[int]) -> Row:
    """Build where there is too little room, then make room and build again."""
    told, halves, same, tried = Counter[str](), 0, 0, 0
    reference = json.loads((tiny.variants / "build.json").read_text())["variants"]
    for kb in sizes:
        try:
            with small_disk(folder / f"disk{kb}", kb) as disk:
                place = Folder(disk, tiny)
                code, said = place.build()
                if code == 0:
                    continue
                tried += 1
                told["one sentence, exit code 2" if code == 2 and _sentence(said) else said[-300:]] += 1
                halves += place.halves()
                subprocess.run(["mount", "-o", "remount,size=200m", str(disk)], check=True)
                code, said = place.build()
                same += code == 0 and place.versions() == {name: one["tag"] for name, one in reference.items()}
        except OSError as problem:
            return Row("a full disk, build", "tmpfs", "–", f"not tried: {problem}", True)
    return Row(
        "a full disk, build",
        f"{tried} file systems of {min(sizes) / 1000:g} to {max(sizes) / 1000:g} MB; then with room",
        "one sentence and exit code 2, nothing half-written; the same command goes on to the same versions",
        f"{counts(told)}; {halves} half-written variants; {same} of {tried} went on to the same versions",
        set(told) == {"one sentence, exit code 2"} and not halves and same == tried,
    )


def two(folder: Path, tiny: Tiny) -> Row:
    """Start a second build into a folder in which one is under way."""
    place = Folder(folder / "two", tiny)
    first = place.start()
    while not (place.out / ".lock").exists():
        time.sleep(0.05)
    time.sleep(1)
    code, said = place.build()
    first.communicate()
    return Row(
        "two builds into one folder",
        "the second is started while the first is under way",
        "the second is refused in one sentence (exit code 2), the first ends well",
        f"exit codes {code} and {first.returncode}, {place.halves()} half-written variants",
        code == 2 and bool(_sentence(said)) and first.returncode == 0 and not place.halves(),
    )


def clock(folder: Path, tiny: Tiny) -> Row:
    """Let a finished build be from a year to come: the clock was set back since."""
    place = Folder(folder / "clock", tiny)
    shutil.copytree(tiny.variants, place.out, symlinks=True)
    shutil.copytree(tiny.home, place.home, symlinks=True)
    before, ahead = place.versions(), time.time() + AHEAD_S
    library = next(iter(sorted(FAKETIME.glob("*/faketime/libfaketime.so.1"))), None)
    clock = {"LD_PRELOAD": str(library), "FAKETIME": f"-{AHEAD_S}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    if library is None:
        clock = {}
        for path in [*place.out.rglob("*"), *place.home.rglob("*")]:
            os.utime(path, (ahead, ahead))
    code, said = place.build(**clock)
    unchanged = code == 0 and "unchanged" in said
    for path in place.out.glob(".steps/*"):
        if path.is_dir() and random.Random(path.name).random() < 0.5:
            shutil.rmtree(path)
    shutil.rmtree(place.out / "int8")
    again, _ = place.build(**clock)
    same = again == 0 and place.versions() == before
    how = "all files of a build are dated 400 days ahead" if library is None else "libfaketime sets it back 400 days"
    return Row(
        "a clock that was set back",
        f"{how}; then half of its steps and a variant are lost",
        "nothing is built again for its date; what is lost comes out with the same version",
        f"{'unchanged' if unchanged else 'built again'}; then the versions are {'equal' if same else 'other ones'}",
        unchanged and same,
    )


def damaged(folder: Path, tiny: Tiny, files: int, seed: int) -> Row:
    """Cut or change files of finished steps, and build what needs them."""
    chance, outcomes = random.Random(seed), Counter[str]()
    reference = json.loads((tiny.variants / "build.json").read_text())["variants"]
    steps = sorted(path for path in tiny.variants.glob(".steps/*/*") if path.is_file() and path.stat().st_size)
    for number, chosen in enumerate(chance.sample(steps, min(files, len(steps)))):
        place = Folder(folder / f"damaged{number}", tiny)
        shutil.copytree(tiny.variants, place.out, symlinks=True)
        shutil.copytree(tiny.home, place.home, symlinks=True)
        file = place.out / chosen.relative_to(tiny.variants)
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2])
        for name in ("distilled", "int8", "pruned"):
            shutil.rmtree(place.out / name)
        code, said = place.build()
        if code == 0:
            same = place.versions() == {name: one["tag"] for name, one in reference.items()}
            outcomes["the same versions" if same else "other versions"] += 1
        else:
            outcomes["one sentence" if code == 2 and _sentence(said) else f"exit code {code}: {said[-200:]}"] += 1
        shutil.rmtree(folder / f"damaged{number}")
    return Row(
        "damaged steps of a build",
        f"one file of the finished steps is cut in half, {sum(outcomes.values())} times, and variants are lost",
        "the same versions, or one sentence and a non-zero exit",
        counts(outcomes),
        not set(outcomes) - {"the same versions", "one sentence"},
    )


def start(folder: Path, tiny: Tiny) -> Row:
    """Serve a model that was changed on the disk."""
    home = folder / "home"
    shutil.copytree(tiny.home, home, symlinks=True)
    model = next(home.rglob("model.onnx"))
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    command = [str(Path(sys.executable).with_name("bentoml")), "serve", "service.service:bonsai", "--port", "0"]
    began = time.monotonic()
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**tiny.environment, "BENTOML_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    lines = (done.stdout + done.stderr).strip().splitlines()
    return Row(
        "a damaged model at start",
        "one bit of a stored model is changed",
        "one sentence and a non-zero exit; no worker is started again and again",
        f"exit code {done.returncode}, {len(lines)} line, after {time.monotonic() - began:.0f} s",
        done.returncode == 1 and len(lines) == 1,
    )


def hub(folder: Path, tiny: Tiny) -> Row:
    """Ask for data and a teacher that only the hub has."""
    place, seen, kept = Folder(folder / "hub", tiny), list[str](), True
    for how, environment in (
        ("HF_HUB_OFFLINE=1", {"HF_HUB_OFFLINE": "1"}),
        ("nobody answers", {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9"}),
    ):
        for asked in (("--dataset", "nobody/nothing-of-this-name"), ("--teacher", "nobody/nothing-of-this-name")):
            began = time.monotonic()
            code, said = place.build(*asked, **environment)
            good = code == 2 and bool(_sentence(said))
            kept = kept and good
            seen.append(
                f"{asked[0][2:]}, {how}: {'a sentence' if good else said[-200:]}, {time.monotonic() - began:.0f} s"
            )
    return Row(
        "the hub is away",
        "a data set and a teacher of the hub, offline and where nobody answers",
        "one sentence, exit code 2",
        "; ".join(seen),
        kept,
    )


def drills(tiny: Tiny, quick: bool, seed: int) -> dict[str, Callable[[Path], Row]]:
    """Return what is done to builds, by name."""
    sizes = [700, 2500] if quick else [200, 500, 700, 1000, 1500, 2000, 2500, 3000, 3500, 4000, 4500, 5000]
    return {
        "build_killed": lambda folder: killed(folder, tiny, 4 if quick else 50, seed),
        "build_disk": lambda folder: full_disk(folder, tiny, sizes),
        "build_two": lambda folder: two(folder, tiny),
        "build_clock": lambda folder: clock(folder, tiny),
        "build_damaged": lambda folder: damaged(folder, tiny, 3 if quick else 20, seed),
        "start_damaged": lambda folder: start(folder, tiny),
        "hub": lambda folder: hub(folder, tiny),
    }
