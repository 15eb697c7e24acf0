"""A database that does not do what it should, each for real: one sentence that says which, why and what helps."""

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event

from service.store.errors import StoreAway, StoreError, StoreFull, StoreReadOnly
from service.store.store import Store
from tests.service.store.made import kept, served, truth
from tests.service.store.postgres import NOBODY, Server

ROOT = Path(__file__).parents[3]
Open = Callable[[str], Store]


def refused(kind: type[StoreError], use: Callable[[], object]) -> str:
    with pytest.raises(kind) as found:
        use()
    assert type(found.value) is kind
    said = str(found.value)
    assert "\n" not in said and "[SQL" not in said and "tulip" not in said
    return said


def uses(store: Store) -> Iterator[Callable[[], object]]:
    yield from (store.migrate, store.check, store.secret, store.generation, store.experiments)
    yield lambda: store.write([served(1)], [], [truth(1)])
    yield lambda: list(store.export("trial"))
    yield lambda: store.expire(9e9)


def test_no_server_at_start(open_store: Open, tmp_path: Path) -> None:
    for host in (f"/db?host={tmp_path}", "127.0.0.1:1/db", "no-such-host.invalid/db"):
        store = open_store(f"postgresql://root:tulip@{host}")
        for use in uses(store):
            said = refused(StoreAway, use)
            assert said.startswith("the database postgresql://root:***@")
            assert "cannot be reached" in said and "BONSAI_DATABASE_URL" in said


def test_a_server_that_refuses_us(server: Server, open_store: Open) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE USER locked PASSWORD 'rose'")
    try:
        said = refused(StoreAway, open_store(server.url(user="locked", password="tulip")).check)
        assert 'password authentication failed for user "locked"' in said
        assert "check user and password in BONSAI_DATABASE_URL" in said
        said = refused(StoreAway, open_store(server.url("nothing", password="tulip")).check)
        assert 'database "nothing" does not exist' in said
    finally:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("DROP USER locked")


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_server_that_stops_and_starts_again(server: Server, store: Store) -> None:
    store.write([served(1)])
    server.stop()
    try:
        for use in uses(store):
            refused(StoreAway, use)
    finally:
        server.start()
    store.write([served(1), served(2)])
    assert len(kept(store, "predictions")) == 2


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_server_that_ends_our_connection_in_a_transaction(server: Server, store: Store) -> None:
    said = refused(StoreAway, lambda: _write_while_ended(store, server))
    assert "cannot be reached" in said
    assert store.write(truths=[truth(1)]) == ["new"]


def _write_while_ended(store: Store, server: Server) -> None:
    with store._writing() as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        with psycopg.connect(server.url(), autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        connection.exec_driver_sql("SELECT 1")


def test_no_folder_at_start(open_store: Open, tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/nowhere/store.db")
    for use in uses(store):
        assert f"the database sqlite:///{tmp_path}/nowhere/store.db cannot be" in refused(StoreAway, use)
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_that_is_taken_away_and_put_back(sqlite_store: Store, tmp_path: Path) -> None:
    sqlite_store.write(truths=[truth(1)])
    (tmp_path / "folder").rename(tmp_path / "away")
    for use in uses(sqlite_store):
        refused(StoreAway, use)
    (tmp_path / "away").rename(tmp_path / "folder")
    assert sqlite_store.write(truths=[truth(1), truth(2)]) == ["repeated", "new"]


def test_a_file_that_is_removed_during_a_transaction_was_not_written(sqlite_store: Store, tmp_path: Path) -> None:
    def write() -> None:
        with sqlite_store._writing() as connection:
            connection.exec_driver_sql("UPDATE generation SET value = 7")
            (tmp_path / "folder" / "store.db").unlink()

    assert "was removed while it was written to" in refused(StoreAway, write)


def test_a_file_that_is_none_of_sqlites(open_store: Open, tmp_path: Path) -> None:
    (tmp_path / "store.db").write_text("name,value\n" * 1000)
    for use in uses(open_store(f"sqlite:///{tmp_path}/store.db")):
        assert "is no SQLite file" in refused(StoreAway, use)
    (tmp_path / "folder.db").mkdir()
    for use in uses(open_store(f"sqlite:///{tmp_path}/folder.db")):
        assert "folder.db cannot be" in refused(StoreAway, use)


def test_a_file_that_another_process_holds(sqlite_store: Store, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "folder" / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    event.listen(sqlite_store.engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=50"))
    assert "is locked by another process" in refused(StoreAway, lambda: sqlite_store.write([served(1)]))
    assert sqlite_store.experiments() == []  # who reads waits for nobody
    other.execute("ROLLBACK")
    other.close()
    sqlite_store.write([served(1)])


def test_a_full_disk(sqlite_store: Store) -> None:
    limit = [0]

    def cap(connection: sqlite3.Connection, _: object) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count={pages + limit[0]}")

    event.listen(sqlite_store.engine, "connect", cap)
    rows = [served(number) for number in range(2000)]
    said = refused(StoreFull, lambda: sqlite_store.write(rows))
    assert "the disk of the database sqlite:///" in said and "is full" in said
    assert kept(sqlite_store, "predictions") == kept(sqlite_store, "totals") == []
    limit[0] = 10_000
    sqlite_store.close()
    sqlite_store.write(rows)
    assert sqlite_store.totals("trial")[0].requests == 2000


def test_a_full_disk_for_real(migrated_file: Path, open_store: Open, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "none", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("this user may not mount a small disk")
    try:
        (disk / "store.db").write_bytes(migrated_file.read_bytes())
        store = open_store(f"sqlite:///{disk}/store.db")
        store.write([served(1)])
        refused(StoreFull, lambda: store.write([served(number) for number in range(5000)]))
        assert len(kept(store, "predictions")) == 1
        store.close()
        subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
        store.write([served(number) for number in range(5000)])
        store.close()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        refused(StoreReadOnly, lambda: store.write([served(-1)]))
    finally:
        store.close()
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_read_only_url(url: str, store: Store, open_store: Open) -> None:
    store.write([served(1)])
    only = open_store(f"{url}?mode=ro")
    only.check()
    only.migrate()
    assert (only.totals("trial")[0].requests, only.generation()) == (1, 0)
    for use in (
        only.secret,
        lambda: only.write([served(2)]),
        lambda: only.save("a", {}, "running", "created", actor="a"),
    ):
        assert "is read-only; let this user write to it" in refused(StoreReadOnly, use)


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_read_only_server(server: Server, store: Store) -> None:
    store.write([served(1)])
    store.close()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        connection.execute("SELECT pg_reload_conf()")
        try:
            store.check()
            store.migrate()
            assert store.totals("trial")[0].requests == 1
            for use in (store.secret, lambda: store.write([served(2)]), lambda: store.save("a", {}, "", "", actor="")):
                assert "is read-only; let this user write to it" in refused(StoreReadOnly, use)
        finally:
            connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
            connection.execute("SELECT pg_reload_conf()")


AS_NOBODY = """
import os, sys
import service.store.migration
from service.store.store import Store
from tests.service.store.made import served
if os.geteuid() == 0:
    os.setgid({nobody}); os.setuid({nobody})
store = Store(sys.argv[1])
for use in (store.check, store.migrate, lambda: store.write([served(1)])):
    try:
        use()
        print("ok")
    except Exception as error:
        print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    ("file", "folder", "expected"),
    [
        (0o666, 0o777, ["ok", "ok", "ok"]),
        (0o444, 0o777, ["ok", "ok", "StoreReadOnly"]),
        (0o000, 0o777, ["StoreAway", "StoreAway", "StoreAway"]),
        (0o666, 0o000, ["StoreAway", "StoreAway", "StoreAway"]),
    ],
)
def test_a_file_or_folder_that_this_user_may_not_use(
    migrated_file: Path, file: int, folder: int, expected: list[str]
) -> None:
    place = Path(tempfile.mkdtemp(prefix="bonsai-store-"))  # nobody may not enter pytest's own
    try:
        copy = place / "store.db"
        copy.write_bytes(migrated_file.read_bytes())
        copy.chmod(file)
        place.chmod(folder)
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY.format(nobody=NOBODY), f"sqlite:///{copy}"],
            cwd=ROOT,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert [line.split()[0] for line in done.stdout.splitlines()] == expected, done.stdout + done.stderr
    finally:
        place.chmod(0o700)
        for left in place.iterdir():
            left.unlink()
        place.rmdir()


def test_a_driver_that_is_missing() -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from service.store.store import Store\n"
        "from models.runtime.errors import BonsaiError\n"
        "try: Store('postgresql://root:tulip@host/db')\n"
        "except BonsaiError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.stdout.startswith("the database postgresql://root:***@host/db needs psycopg, which is not installed")
    assert done.stderr == "" and done.stdout.count("\n") == 1


def test_a_damaged_file_is_said_to_be_damaged(sqlite_store: Store, tmp_path: Path) -> None:
    file = tmp_path / "folder" / "store.db"
    sqlite_store.write([served(number) for number in range(2000)])
    sqlite_store.close()
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    said = refused(StoreAway, lambda: sqlite_store.write([served(-1)]))
    assert "is damaged (database disk image is malformed); put a whole copy in its place" in said
    sqlite_store.close()
    file.write_bytes(b"\xff" * 4096)
    assert "is no SQLite file, or a damaged one; put a" in refused(StoreAway, lambda: sqlite_store.write([served(-1)]))
    sqlite_store.close()
    file.write_bytes(whole)
    sqlite_store.write([served(-1)])
