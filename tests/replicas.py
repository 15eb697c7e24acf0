"""Three services behind HAProxy with one PostgreSQL: who gets which arm, and what a killed replica, a rolling update,
a SIGTERM and a killed worker lose.

    python -m tests.replicas [--kills 10] [--rounds 2] [--variants variants] [--out replicas.json]
"""

import argparse
import http.client
import json
import os
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import psycopg

from service.store.store import Store
from tests.kills import key_of, told, within
from tests.service.conftest import ROOT, wait_until_ready
from tests.service.store.postgres import Server

REPLICAS, CALLERS, USERS, CONNECTIONS = 3, 8, 300, 32
KEY = secrets.token_hex(16)
HEADERS = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
CONFIGURATION = ROOT / "service" / "deploy" / "haproxy.cfg"
EXPERIMENT = "replicas"
BACK_S = 5.0  # promised: by then a worker that was killed has a successor that serves
GRACE_S = 30.0  # Kubernetes' grace period, which is enough for the defaults
SCRIPT = """wrk.method = "POST"
wrk.body = '{"texts": ["where is it"]}'
wrk.headers["Content-Type"] = "application/json"
"""


def free_address() -> str:
    """Return a free port of this machine, with its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def program(name: str) -> str:
    """Return where a program is, or end with what brings it."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")
    if found is None:
        sys.exit(f"error: {name} is not installed; 'apt-get install {name}' brings it")
    return found


class Replica:
    """One service at an address of its own, which may be ended and started again."""

    def __init__(self, variants: Path, database: str, folder: Path, workers: int) -> None:
        self.address, self.log = free_address(), folder / "log.txt"
        self.environment = {
            **os.environ, "BONSAI_VARIANTS": str(variants.absolute()), "BONSAI_WORKERS": str(workers),
            "BONSAI_ADMIN_KEY": KEY, "BONSAI_DATABASE_URL": database, "TMPDIR": str(folder),
        }  # fmt: skip
        self.start()

    def start(self) -> None:
        """Start it, without waiting."""
        bentoml, port = Path(sys.executable).with_name("bentoml"), self.address.rpartition(":")[2]
        command = [str(bentoml), "serve", "service.service:bonsai", "--host", "127.0.0.1", "--port", port]
        with self.log.open("a") as out:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=out, stderr=out, start_new_session=True
            )

    def wait(self) -> None:
        """Return when it is ready."""
        wait_until_ready(f"http://{self.address}/readyz", self.process, self.log)

    def kill(self) -> None:
        """Kill -9 all its processes at once."""
        supervisor = psutil.Process(self.process.pid)
        tree = [supervisor, *supervisor.children(recursive=True)]  # workers are in groups of their own
        for each in tree:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        self.process.wait()
        psutil.wait_procs(tree, 10)

    def terminate(self) -> tuple[float, int]:
        """Send SIGTERM to its first process, as Kubernetes does; return the seconds that it took, and the exit code."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        return time.monotonic() - began, code


class Caller(threading.Thread):
    """Predicts and gives feedback on a connection that it keeps for as long as the other side does; says nothing
    twice: whatever is not answered well is lost.
    """

    def __init__(self, address: str, number: int) -> None:
        super().__init__(daemon=True)
        self.address, self.number = address, number
        self.answered: Counter[str] = Counter()
        self.lost: list[str] = []
        self.acknowledged: list[str] = []
        self.end = threading.Event()
        self.connection = http.client.HTTPConnection(address, timeout=600)

    def run(self) -> None:
        """Until it is told to end."""
        asked = 0
        while not self.end.is_set():
            asked += 1
            answer = self.post("/predict", {"texts": ["where is it"] * 3, "unit": f"{self.number}.{asked}"})
            if answer is not None:
                ids = [row["prediction_id"] for row in answer["predictions"]]
                label = answer["predictions"][0]["label"]
                if self.post("/feedback", {"feedback": [{"prediction_id": id, "label": label} for id in ids]}):
                    self.acknowledged += ids
        self.connection.close()

    def post(self, path: str, content: object) -> Any:
        """Return the answer, or None where there was none."""
        try:
            self.connection.request("POST", path, json.dumps(content), HEADERS)
            answer = self.connection.getresponse()
            body = answer.read()
            if answer.status in (200, 201):
                self.answered[path] += 1
                return json.loads(body)
            self.lost.append(f"{path}: {answer.status} {body[:200].decode(errors='replace')}")
        except (OSError, http.client.HTTPException, ValueError) as problem:
            self.lost.append(f"{path}: {type(problem).__name__} {problem}")
        self.connection.close()
        return None


@contextmanager
def calling(address: str) -> Iterator[list[Caller]]:
    """Let callers ask until the block ends."""
    callers = [Caller(address, number) for number in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        time.sleep(1)
        yield callers
        time.sleep(1)
    finally:
        for caller in callers:
            caller.end.set()
        for caller in callers:
            caller.join(90)


@contextmanager
def proxied(replicas: list[Replica], folder: Path) -> Iterator[tuple[str, Path]]:
    """Put HAProxy before them; yield its address, and the socket that it tells of itself at."""
    address, said = free_address(), folder / "haproxy.sock"
    more = folder / "more.cfg"
    more.write_text(f"global\n    stats socket {said}\n")
    environment = {
        "FRONTEND": address,
        **{f"REPLICA_{number}": each.address for number, each in enumerate(replicas, 1)},
    }
    with (folder / "haproxy.txt").open("w") as out:
        command = [program("haproxy"), "-db", "-f", str(CONFIGURATION), "-f", str(more)]
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
    try:
        wait_until_ready(f"http://{address}/readyz", process, folder / "haproxy.txt")
        yield address, said
    finally:
        process.terminate()
        process.wait(20)


def sent_again(said: Path) -> int:
    """Return how many requests HAProxy has sent to replicas once more."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(said))
        connection.sendall(b"show stat\n")
        text = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    names, *rows = (line.split(",") for line in text.removeprefix("# ").splitlines() if line)
    (backend,) = [dict(zip(names, row, strict=False)) for row in rows if row[:2] == ["replicas", "BACKEND"]]
    return int(backend["wretr"]) + int(backend["wredis"])


def summed(callers: list[Caller]) -> dict[str, Any]:
    """Return what callers were answered, and what they lost."""
    answered = sum((caller.answered for caller in callers), Counter[str]())
    lost = [problem for caller in callers for problem in caller.lost]
    return {
        "predictions": answered["/predict"], "feedback": answered["/feedback"], "lost": len(lost), "said": lost[:5],
    }  # fmt: skip


def sticky(proxy: str, replicas: list[Replica]) -> dict[str, Any]:
    """Ask for each user at each replica and through the proxy, and count users who got several arms."""
    arms: dict[str, set[str]] = {}
    for address in [*(each.address for each in replicas), proxy]:
        caller = Caller(address, 0)
        for user in range(USERS):
            answer = caller.post("/predict", {"texts": ["where is it"], "unit": f"user {user}"})
            arms.setdefault(f"user {user}", set()).add(answer["arm"] if answer else caller.lost[-1])
        caller.connection.close()
    split = Counter(next(iter(each)) for each in arms.values() if len(each) == 1)
    return {"users": USERS, "asked_at": len(replicas) + 1, "moved": USERS - split.total(), "arms": dict(split)}


def kill_replicas(proxy: str, said: Path, replicas: list[Replica], kills: int, chance: random.Random) -> dict[str, Any]:
    """Kill a replica under load, again and again, and start it anew."""
    before = sent_again(said)
    with calling(proxy) as callers:
        for _ in range(kills):
            time.sleep(chance.uniform(0.5, 3.0))
            victim = chance.choice(replicas)
            victim.kill()
            time.sleep(1)
            victim.start()
            victim.wait()
    return {"kills": kills, **summed(callers), "sent_again": sent_again(said) - before, "callers": callers}


def roll(proxy: str, said: Path, replicas: list[Replica], rounds: int) -> dict[str, Any]:
    """Update the replicas one after the other under load: SIGTERM, wait for the end, start, wait until it is ready."""
    before, ends = sent_again(said), list[tuple[float, int]]()
    with calling(proxy) as callers:
        for _ in range(rounds):
            for replica in replicas:
                ends.append(replica.terminate())
                replica.start()
                replica.wait()
                time.sleep(1)  # as long as the proxy needs to see it
    seconds, codes = [round(each, 1) for each, _ in ends], sorted({code for _, code in ends})
    return {
        "updates": len(ends), **summed(callers), "sent_again": sent_again(said) - before, "exit_codes": codes,
        "seconds_to_end": [min(seconds), max(seconds)], "callers": callers,
    }  # fmt: skip


def terminate_under_wrk(replica: Replica, name: str, folder: Path) -> dict[str, Any]:
    """Send SIGTERM to a service that wrk asks directly, without a proxy, on connections that it keeps."""
    (folder / "post.lua").write_text(SCRIPT)
    url = f"http://{replica.address}/{name}/predict"
    command = [program("wrk"), "-t1", f"-c{CONNECTIONS}", "-d5s", "-s", str(folder / "post.lua"), url]
    asking = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    time.sleep(2)
    seconds, code = replica.terminate()
    text, _ = asking.communicate(timeout=600)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    (requests,) = re.findall(r"(\d+) requests in", text)
    return {
        "connections": CONNECTIONS, "requests": int(requests), "connect_errors": int(errors[1]) if errors else 0,
        "read_errors": int(errors[2]) if errors else 0, "write_errors": int(errors[3]) if errors else 0,
        "timeouts": int(errors[4]) if errors else 0, "refused": int(refused[1]) if refused else 0,
        "seconds_to_end": round(seconds, 1), "exit_code": code,
    }  # fmt: skip


def kill_workers(replica: Replica, kills: int) -> dict[str, Any]:
    """Kill -9 one of two workers, and measure until there are two that serve; the other's connections go on."""
    seconds, failed, asked = list[float](), 0, 0
    for _ in range(kills):
        supervisor = psutil.Process(replica.process.pid)
        dead, other = _serving(supervisor)
        callers = [Caller(replica.address, number) for number in range(CONNECTIONS)]
        for caller in callers:
            assert caller.post("/predict", {"texts": ["where is it"]}) is not None
        clients = {each.raddr.port for each in other.net_connections("tcp") if each.raddr}
        kept = [each for each in callers if each.connection.sock and each.connection.sock.getsockname()[1] in clients]
        dead.kill()
        began = time.monotonic()
        for _ in within("a worker that was killed is not back", replica.log):
            if len(_serving(supervisor, leave=dead.pid)) > 1:
                break
            for caller in kept:
                caller.post("/predict", {"texts": ["where is it"]})
        seconds.append(time.monotonic() - began)
        failed += sum(len(caller.lost) for caller in kept)
        asked += sum(caller.answered["/predict"] for caller in kept)
        for caller in callers:
            caller.connection.close()
        time.sleep(1)
    seconds.sort()
    return {
        "kills": kills, "seconds_median": round(seconds[len(seconds) // 2], 1), "seconds_most": round(seconds[-1], 1),
        "requests_to_the_other": asked, "failed": failed,
    }  # fmt: skip


def _serving(supervisor: psutil.Process, leave: int = 0) -> list[psutil.Process]:
    """Return the workers that have loaded their variants, by what they say in the folder that they share."""
    (folder,) = Path(supervisor.environ()["TMPDIR"]).glob(f"bonsai-service-{supervisor.pid}-*")
    said = [json.loads(file.read_text())["pid"] for file in (folder / "generations").glob("[0-9]*.json")]
    return [each for each in supervisor.children() if each.pid in said and each.pid != leave]


def measure(variants: Path, kills: int, rounds: int, seed: int) -> dict[str, Any]:
    """Return what each of these did."""
    chance, names = random.Random(seed), list(json.loads((variants / "build.json").read_text())["variants"])
    small, (control, arm) = names[-1], names[:2]
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bonsai-replicas-")))
        postgres = Server()
        stack.callback(postgres.remove)
        with psycopg.connect(postgres.url(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE replicas")
        database = postgres.url("replicas")
        replicas = []
        for number in range(REPLICAS):
            (folder := place / f"{number}").mkdir()
            replicas.append(Replica(variants, database, folder, workers=1))
            stack.callback(_stop, replicas[-1])
            replicas[-1].wait()  # the first migrates the database
        proxy, said = stack.enter_context(proxied(replicas, place))
        arms = [{"variant": name, "weight": 0.5} for name in (control, arm)]
        asked = {"name": EXPERIMENT, "control": control, "arms": arms, "unit": {"field": "unit"}}
        admin = Caller(proxy, 0)
        assert admin.post("/experiments", asked) is not None or admin.lost[-1].startswith("/experiments: 201"), (
            admin.lost
        )
        admin.connection.close()
        time.sleep(2)  # every replica learns of it within a second
        found: dict[str, Any] = {"sticky": sticky(proxy, replicas)}
        found["killed"] = kill_replicas(proxy, said, replicas, kills, chance)
        found["rolled"] = roll(proxy, said, replicas, rounds)
        time.sleep(3)
        callers = found["killed"].pop("callers") + found["rolled"].pop("callers")
        acknowledged = [id for caller in callers for id in caller.acknowledged]
        store = Store(database)
        stored = Counter(told(store))
        store.close()
        found["feedback"] = {
            "acknowledged": len(acknowledged),
            "lost": len(set(map(key_of, acknowledged)) - set(stored)),
            "twice": sum(count > 1 for count in stored.values()),
        }
        for replica in replicas[1:]:
            _stop(replica)
        (folder := place / "two").mkdir()
        two = Replica(variants, database, folder, workers=2)
        stack.callback(_stop, two)
        _wait_for_two(two)
        found["worker"] = kill_workers(two, kills)
        found["sigterm"] = terminate_under_wrk(two, small, place)
    return found


def _wait_for_two(replica: Replica) -> None:
    replica.wait()
    for _ in within("of two workers not both are there", replica.log):
        if len(_serving(psutil.Process(replica.process.pid))) > 1:
            break
        time.sleep(0.1)


def _stop(replica: Replica) -> None:
    if replica.process.poll() is None:
        replica.kill()


def rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what was done, promised and seen, and whether the promise was kept, as the table of faults shows it."""
    killed, rolled, worker, sigterm, stuck = (
        found[name] for name in ("killed", "rolled", "worker", "sigterm", "sticky")
    )
    labels = found["feedback"]
    broken = sum(sigterm[f"{name}_errors"] for name in ("connect", "read", "write"))
    late = {"timed out": sigterm["timeouts"], "refused": sigterm["refused"]}
    return [
        {
            "fault": "replicas that do not know one another",
            "done": f"{stuck['users']} users asked at {REPLICAS} replicas and through HAProxy, one PostgreSQL",
            "promised": "one arm a user everywhere",
            "seen": f"{stuck['moved']} users with two arms",
            "kept": stuck["moved"] == 0,
        },
        {
            "fault": "kill -9 of a replica",
            "done": f"{killed['kills']} times, of one of {REPLICAS} behind HAProxy under load",
            "promised": "no request lost, and no acknowledged feedback",
            "seen": f"{killed['predictions'] + killed['feedback']:,} answered, {killed['lost']} lost, "
            f"{killed['sent_again']} sent again; of {labels['acknowledged']:,} labels {labels['lost']} lost"
            + (f", {labels['twice']} counted twice" if labels["twice"] else ""),
            "kept": not (killed["lost"] or labels["lost"] or labels["twice"]) and labels["acknowledged"] > 0,
        },
        {
            "fault": "a rolling update",
            "done": f"of {REPLICAS} replicas behind HAProxy under load, {rolled['updates']} SIGTERMs",
            "promised": "no request lost, exit code 0 within the grace period",
            "seen": f"{rolled['predictions'] + rolled['feedback']:,} answered, {rolled['lost']} lost, "
            f"{rolled['sent_again']} sent again; ended after {rolled['seconds_to_end'][1]} s at the most, "
            f"exit codes {rolled['exit_codes']}",
            "kept": rolled["lost"] == 0 and rolled["exit_codes"] == [0] and rolled["seconds_to_end"][1] <= GRACE_S,
        },
        {
            "fault": "SIGTERM without a proxy",
            "done": f"under wrk, {sigterm['connections']} connections",
            "promised": "no answer lost, end within the grace period",
            "seen": f"{broken} of {sigterm['requests']:,} lost"
            + "".join(f", {count} {what}" for what, count in late.items() if count)
            + f"; ended after {sigterm['seconds_to_end']} s with exit code {sigterm['exit_code']}",
            "kept": not (broken or any(late.values()) or sigterm["exit_code"])
            and sigterm["requests"] > 0
            and sigterm["seconds_to_end"] <= GRACE_S,
        },
        {
            "fault": "kill -9 of one of two workers",
            "done": f"{worker['kills']} times",
            "promised": f"back in {BACK_S:.0f} s, the other loses nothing",
            "seen": f"back after {worker['seconds_median']} s (median), {worker['seconds_most']} s at the most; "
            f"{worker['failed']} of {worker['requests_to_the_other']:,} requests to the other failed",
            "kept": worker["failed"] == 0 < worker["requests_to_the_other"] and worker["seconds_most"] <= BACK_S,
        },
    ]


def main() -> int:
    """Break, count, keep; exit code 1 where a promise was not kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.replicas", description=__doc__)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--variants", type=Path, default=Path("variants"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    for name in ("haproxy", "wrk"):  # before ten minutes, not after them
        program(name)
    load = os.getloadavg()[0]
    found = measure(given.variants, given.kills, given.rounds, given.seed)
    found |= {"rows": rows(found), "cores": os.cpu_count(), "load_before": round(load, 1)}
    found["date"] = datetime.now(UTC).date().isoformat()
    if given.out is not None:
        given.out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found))
    return int(not all(row["kept"] for row in found["rows"]))


if __name__ == "__main__":
    sys.exit(main())
