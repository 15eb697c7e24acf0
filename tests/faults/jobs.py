"""What can happen to a variant on the fly: its build, a worker or the whole service is killed at any moment, or the
disk is full. What is served is always whole.
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from models.runtime.card import is_whole, read_card
from models.runtime.store import in_store, read_build
from tests.faults.builds import small_disk
from tests.faults.clients import KEY, Served
from tests.faults.rows import Row, counts
from tests.processes import ROOT
from tests.service.conftest import serving
from tests.tiny import Tiny

OVER = ("serving", "refused", "failed", "cancelled")
LONG = {"passes": [{"distill": {"layers": 2, "epochs": 30, "patience": 30, "learning_rate": 3e-3, "batch_size": 8}}]}
MOST_S = 600.0
AGAIN = 3  # requests on new connections
FULL_WAIT_S = 40.0  # until a job without room has come to a standstill


class Site:
    """A folder of variants of one's own, and the service over it, which may be killed and started again."""

    def __init__(self, folder: Path, tiny: Tiny, out: Path | None = None) -> None:
        self.folder, self.out, self.home = folder, out or folder / "variants", folder / "home"
        shutil.copytree(tiny.variants, self.out, symlinks=True, dirs_exist_ok=True)
        shutil.copytree(tiny.home, self.home, symlinks=True, dirs_exist_ok=True)
        os.environ["BENTOML_HOME"] = str(self.home)
        self.environment = {
            "BENTOML_HOME": str(self.home), "BONSAI_VARIANTS": str(self.out), "BONSAI_WORKERS": "2",
            "BONSAI_ADMIN_KEY": KEY, "BONSAI_BUILD_DISK_MB": "0",  # or the full disk would be refused before it is met
            "BONSAI_DATABASE_URL": f"sqlite:///{folder / 'experiments.sqlite'}",
        }  # fmt: skip
        self._serving: Any = None
        self.host = ""

    def start(self) -> None:
        """Start the service."""
        bentoml = Path(sys.executable).with_name("bentoml")
        self._serving = serving("service.service:bonsai", ROOT, self.environment, bentoml, self.folder / "log.txt")
        self.host = self._serving.__enter__()
        Served(self.host).wait()

    def end(self, *, killed: bool = False) -> None:
        """End the service; or kill all of it, with its builds, at once."""
        if killed:
            for process in self.processes():
                with suppress(psutil.Error):
                    process.kill()
        with suppress(ProcessLookupError):
            self._serving.__exit__(None, None, None)

    def processes(self) -> list[psutil.Process]:
        """Return every process of this service, builds too."""
        found = []
        for process in psutil.process_iter(["environ"]):
            if (process.info["environ"] or {}).get("BONSAI_VARIANTS") == str(self.out) and process.pid != os.getpid():
                found.append(process)
        return found

    def ask(self, path: str, body: Any = None, method: str | None = None, **headers: str) -> tuple[int, Any]:
        """Return the status and the answer of an administrator's request; 0 where there is none."""
        content = None if body is None else json.dumps(body).encode()
        fields = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}", **headers}
        request = urllib.request.Request(f"{self.host}{path}", content, fields, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)
        except (OSError, ValueError):
            return 0, None

    def job(self, id: str, seconds: float = MOST_S) -> dict[str, Any]:
        """Follow a job to its end, or for so long."""
        until, job = time.monotonic() + seconds, dict[str, Any]()
        while time.monotonic() < until:
            status, said = self.ask(f"/builds/{id}", Prefer="wait=2")
            if status == 200:
                job = said
                if job["state"] in OVER:
                    break
            else:
                time.sleep(0.2)
        return job

    def torn(self) -> list[str]:
        """Return what the build names and is not there as its cards say, or does not answer."""
        build, found = read_build(self.out), list[str]()
        for name, one in build.variants.items():
            if not in_store(one.tag):
                found.append(f"{one.tag} is not in the store")
            if not is_whole(self.out / name, read_card(self.out / name)):
                found.append(f"{name} is not as its card says")
            if (status := self.answer(name)) != 200:
                found.append(f"{name} answers {status}")
        return found

    def answer(self, name: str) -> int:
        """Return the status of a variant's answer; who was connected to what was killed asks again."""
        for _ in range(AGAIN):
            if status := self.ask(f"/{name}/predict", {"texts": ["a"]})[0]:
                return status
        return 0


def killed(folder: Path, tiny: Tiny, what: str, kills: int, seed: int) -> Row:
    """Ask for a variant, kill at a random moment, and look what becomes of it; then unload it and begin anew."""
    chance, site, states, torn = random.Random(f"{seed} {what}"), Site(folder, tiny), Counter[str](), list[str]()
    length, unsaid = 6.0, 0
    site.start()
    try:
        for number in range(kills):
            name = f"made{number}"
            began = time.monotonic()
            status, asked = site.ask("/variants", {"name": name, "force": True, **LONG})
            if status != 202:
                unsaid += 1
                continue
            if number:
                time.sleep(chance.uniform(0.0, length))
                _kill(site, what, chance)
            job = site.job(asked["id"])
            states[job.get("state", "unknown")] += 1
            unsaid += job.get("state") not in ("serving", "failed") or (job["state"] == "failed" and not job["reason"])
            if not number:  # nobody was killed: so long does a job take
                length = time.monotonic() - began
            torn += site.torn()
            if job.get("state") == "serving":
                site.ask(f"/variants/{name}", method="DELETE")
    finally:
        site.end()
    return Row(
        f"kill -9 of {what} while a variant is built",
        f"at {kills - 1} random moments, each of a job of its own",
        "the job goes on, or says that it failed; what is served is always whole",
        f"jobs: {counts(states)}; {unsaid} that said nothing; "
        f"{len(torn)} times something served was not whole{': ' if torn else ''}{', '.join(torn[:3])}",
        not unsaid and not torn,
    )


def _kill(site: Site, what: str, chance: random.Random) -> None:
    if what == "the whole service":
        site.end(killed=True)
        site.start()
        return
    commands = {process: process.info.get("cmdline") or _line(process) for process in site.processes()}
    wanted = "models.build" if what == "the build" else "_bentoml_impl.worker.service"
    found = [process for process, line in commands.items() if any(wanted in part for part in line)]
    if found:
        with suppress(psutil.Error):
            chance.choice(found).send_signal(signal.SIGKILL)


def _line(process: psutil.Process) -> list[str]:
    with suppress(psutil.Error):
        return list(process.cmdline())
    return []


def full_disk(folder: Path, tiny: Tiny) -> Row:
    """Ask for a variant where the disk has no room; then make room, and ask again if it was not taken or failed."""
    fault, done = "a full disk, a variant on the fly", "POST /variants over a file system without room; then with room"
    promised = "503, or a job that waits or says why it failed; what is served stays whole; with room it is served"
    try:
        with small_disk(folder / "disk", 100_000) as disk:
            site = Site(folder, tiny, disk / "variants")
            used = int(shutil.disk_usage(disk).used / 1000) + 64
            subprocess.run(["mount", "-o", f"remount,size={used}k", str(disk)], check=True)
            site.start()
            try:
                first, whole, then = _without_and_with_room(site, disk)
            finally:
                site.end()
    except OSError as problem:
        return Row(fault, done, promised, f"not tried: {problem}", True)
    seen = f"{first}; what is served {'stayed whole' if whole else 'was broken'}; with room: {then}"
    return Row(fault, done, promised, seen, whole and then == "serving")


def _without_and_with_room(site: Site, disk: Path) -> tuple[str, bool, str]:
    """Return what became of a job without room, whether what is served stayed whole, and what came with room."""
    body = {"name": "made", "force": True, **LONG}
    status, asked = site.ask("/variants", body)
    job = site.job(asked["id"], FULL_WAIT_S) if status == 202 else {"state": str(status), "reason": asked["error"]}
    reason = re.sub(rf"'{re.escape(str(disk))}[^']*'", "its folder", job.get("reason") or "")  # this machine's
    first = f"{job['state']}{f': {reason}' if reason else ' (the log says that it waits)'}"
    whole = not site.torn()
    subprocess.run(["mount", "-o", "remount,size=200m", str(disk)], check=True)
    if job["state"] not in ("queued", "running"):
        status, asked = site.ask("/variants", body)
    then = site.job(asked["id"]) if status == 202 else {"state": str(status)}
    return first, whole and not site.torn(), str(then.get("state"))


def drills(tiny: Tiny, quick: bool, seed: int) -> dict[str, Callable[[Path], Row]]:
    """Return what is done to jobs, by name."""
    kills = 3 if quick else 21
    return {
        "job_build_killed": lambda folder: killed(folder, tiny, "the build", kills, seed),
        "job_worker_killed": lambda folder: killed(folder, tiny, "a worker", kills, seed),
        "job_service_killed": lambda folder: killed(folder, tiny, "the whole service", kills, seed),
        "job_disk": lambda folder: full_disk(folder, tiny),
    }
