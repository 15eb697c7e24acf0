"""Connections to a store: what SQLite and PostgreSQL need to be told, and to be asked before they are believed."""

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.exc import DisconnectionError

from service.store.address import Address, identity
from service.store.errors import WrongAddress

BUSY_SECONDS = 5.0  # how long a transaction waits for another process's
CONNECTIONS = 5
POSTGRESQL_OPTIONS = {  # a machine that vanished is noticed in seconds; a URL may say otherwise
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "application_name": "bonsai",
}


def open_engine(address: Address) -> Engine:
    """Return an engine, which connects when it is first used (WrongAddress where its driver is missing)."""
    if address.file is not None:
        return _sqlite(address, address.file)
    options = {key: value for key, value in POSTGRESQL_OPTIONS.items() if key not in address.url.query}
    try:
        return create_engine(
            address.url, connect_args=options, pool_pre_ping=True, pool_size=CONNECTIONS, hide_parameters=True
        )
    except ModuleNotFoundError as error:
        raise WrongAddress(
            f"the database {address.shown} needs {error.name}, which is not installed; run "
            "pip install 'psycopg[binary]'"
        ) from None


def _sqlite(address: Address, file: Path) -> Engine:
    def connect() -> sqlite3.Connection:
        # No isolation level: Python's sqlite3 would begin transactions by itself, and not IMMEDIATE ones.
        connection = sqlite3.connect(
            address.file_uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            # With WAL, what is committed survives the process, not a power cut; FULL would cost an fsync a commit.
            connection.execute("PRAGMA synchronous=NORMAL")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    engine = create_engine(
        "sqlite://", creator=connect, poolclass=QueuePool, pool_size=CONNECTIONS, hide_parameters=True
    )

    @event.listens_for(engine, "connect")
    def remember(_connection: Any, record: Any) -> None:
        record.info["file"] = identity(file)

    @event.listens_for(engine, "checkout")
    def same(_connection: Any, record: Any, _proxy: Any) -> None:
        if record.info["file"] != identity(file):
            raise DisconnectionError

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # IMMEDIATE: a transaction that reads first and writes then could not wait for another's to end.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
