"""What a database says, told as a StoreError of one sentence: what is wrong, of which database, and what helps."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import (
    SQLITE_BUSY,
    SQLITE_CANTOPEN,
    SQLITE_CORRUPT,
    SQLITE_FULL,
    SQLITE_IOERR,
    SQLITE_LOCKED,
    SQLITE_NOTADB,
    SQLITE_PERM,
    SQLITE_READONLY,
)

from sqlalchemy.exc import DBAPIError, TimeoutError

from service.store.address import Address, identity
from service.store.errors import OlderSchema, StoreAway, StoreError, StoreFull, StoreReadOnly

LONGEST_DETAIL = 200  # characters of what a database says
WHOLE = "put a whole copy in its place, remove it, or set BONSAI_DATABASE_URL to another"
PRIMARY = 0xFF  # of SQLite's extended error codes
READ_ONLY_STATE, FULL_STATE, NO_TABLE_STATE = "25006", "53100", "42P01"
AGAIN_STATES = ("40001", "40P01")  # serialization failure, deadlock: the same transaction may succeed now
# Classes of states: connection, authorization, no such database, resources, shutdown, disk.
AWAY_STATES = ("08", "28", "3D", "53", "57", "58")


@contextmanager
def told(address: Address) -> Iterator[None]:
    """Turn what the database refuses in this block into a StoreError of one sentence."""
    try:
        yield
    except DBAPIError as error:
        raise _sentence(address, error.orig or error) from error
    except TimeoutError as error:
        raise StoreAway(f"all connections to the database {address.shown} are in use; try again later") from error


def may_succeed_now(error: BaseException | None) -> bool:
    """Say whether the database gave a transaction up for another's sake."""
    return getattr(error, "sqlstate", None) in AGAIN_STATES


def _sentence(address: Address, error: BaseException) -> StoreError:
    said = str(error).partition("\nDETAIL:")[0]  # in which PostgreSQL repeats the row
    said = address.without_password(" ".join(said.split()))[:LONGEST_DETAIL].rstrip(".")
    where = f"the database {address.shown}"
    if (code := getattr(error, "sqlite_errorcode", None)) is not None:
        return _of_sqlite(code & PRIMARY, where, said, address.file)
    return _of_postgresql(getattr(error, "sqlstate", None), type(error).__name__, where, said)


def _of_sqlite(code: int, where: str, said: str, file: Path | None) -> StoreError:
    # Beside the file SQLite needs to make two others: in a folder that is read-only it cannot even open it.
    locked_up = file is not None and identity(file) is not None and not os.access(file.parent, os.W_OK)
    if code == SQLITE_READONLY or (code == SQLITE_CANTOPEN and locked_up):
        return _read_only(where)
    if code == SQLITE_FULL:
        return _full(where)
    if code == SQLITE_NOTADB:
        return StoreAway(f"{where} is no SQLite file, or a damaged one; {WHOLE}")
    if code == SQLITE_CORRUPT:
        return StoreAway(f"{where} is damaged ({said}); {WHOLE}")
    if code in (SQLITE_BUSY, SQLITE_LOCKED):
        return StoreAway(f"{where} is locked by another process; end what holds it open, or try again")
    if code in (SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_IOERR):
        return StoreAway(f"{where} cannot be opened ({said}); expected a file in a folder that may be written to")
    return _no_tables(where) if said.startswith("no such table") else _failed(where, said)


def _of_postgresql(state: str | None, kind: str, where: str, said: str) -> StoreError:
    said = said.rpartition("FATAL: ")[2].strip()
    if state == READ_ONLY_STATE:
        return _read_only(where)
    if state == FULL_STATE:
        return _full(where)
    if state == NO_TABLE_STATE:
        return _no_tables(where)
    if state in ("28P01", "28000") or "authentication failed" in said:
        return StoreAway(f"{where} refuses us ({said}); check user and password in BONSAI_DATABASE_URL")
    if (state is None and kind == "OperationalError") or (state or "").startswith((*AWAY_STATES, *AGAIN_STATES)):
        return StoreAway(f"{where} cannot be reached ({said}); start it or set BONSAI_DATABASE_URL to another")
    return _failed(where, said)


def _read_only(where: str) -> StoreError:
    return StoreReadOnly(f"{where} is read-only; let this user write to it or set BONSAI_DATABASE_URL to another")


def _full(where: str) -> StoreError:
    return StoreFull(f"the disk of {where} is full; free some space, and recording goes on by itself")


def _no_tables(where: str) -> StoreError:
    return OlderSchema(f"{where} holds no tables of experiments; restart the service, which makes them")


def _failed(where: str, said: str) -> StoreError:
    return StoreError(f"{where} refuses what it was given ({said})")
