"""The store of experiments: one object a process, usable from every thread."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from service.store import batch, definitions, evidence, expiry, export, schema
from service.store.address import Address, identity, read_address
from service.store.connection import open_engine
from service.store.definitions import Entry, Stored
from service.store.errors import NewerSchema, OlderSchema, StoreAway
from service.store.evidence import Labels, PairCount, ShadowTotal, Total
from service.store.rows import Outcome, Served, Shadow, Truth
from service.store.sentences import may_succeed_now, told

TRIES = 5  # of a transaction that the database gave up for another's sake
KEEP_DAYS = 90.0
KNOWN_S = 1.0  # how long a schema is taken to be what it was: a newer version may migrate meanwhile


class Store:
    """Experiments and what they record, on SQLite or PostgreSQL; whatever it cannot do is a StoreError."""

    def __init__(self, url: str) -> None:
        self._address: Address = read_address(url)
        self.engine = open_engine(self._address)
        self._known_until = float("-inf")  # its schema was seen to be none of a newer version

    @property
    def shown(self) -> str:
        """Its URL without the password."""
        return self._address.shown

    def migrate(self) -> None:
        """Bring the database to this version's schema, and make SQLite's file where there is none."""
        from service.store.migration import upgrade  # Alembic is needed here and nowhere else

        self._make_file()
        with self._reading() as connection:
            if self._version(connection) == schema.REVISIONS[-1]:
                return
        self._use_wal()
        with self._writing() as connection:
            if self._version(connection) != schema.REVISIONS[-1]:  # by now: others may migrate too
                upgrade(connection)

    def check(self) -> None:
        """Raise unless the database can be read and its schema is this version's."""
        with self._reading() as connection:
            version = self._version(connection)
        if version != schema.REVISIONS[-1]:
            raise OlderSchema(
                f"the database {self.shown} is at schema {version or 'none'}, and this version of Bonsai needs "
                f"{schema.REVISIONS[-1]}; restart the service, which migrates it"
            )

    def secret(self) -> bytes:
        """Return the key that prediction ids are signed with: made once, and the same for all workers and machines."""
        with self._writing() as connection:
            return definitions.secret(connection)

    def generation(self) -> int:
        """Return a number that grows with every change of any experiment."""
        with self._reading() as connection:
            return definitions.generation(connection)

    def experiments(self) -> list[Stored]:
        """Return all experiments, by name."""
        with self._reading() as connection:
            return definitions.experiments(connection)

    def save(
        self,
        name: str,
        definition: Mapping[str, Any],
        state: str,
        what: str,
        *,
        actor: str,
        reason: str = "",
        detail: Mapping[str, Any] | None = None,
        expected: int | None = None,
        seen: int | None = None,
    ) -> int:
        """Write a new revision of an experiment, its log and the generation at once, and return its number. `expected`
        is the revision that it replaces (0: there is none yet) and `seen` the generation that it was decided at; if
        either is another by now, that is Changed.
        """
        with self._writing() as connection:
            return definitions.save(
                connection, name, definition, state, what, actor, reason, detail or {}, expected, seen
            )

    def log(self, name: str) -> list[Entry]:
        """Return what happened to an experiment, oldest first."""
        with self._reading() as connection:
            return definitions.log(connection, name)

    def write(
        self, served: Sequence[Served] = (), shadows: Sequence[Shadow] = (), truths: Sequence[Truth] = ()
    ) -> list[Outcome]:
        """Write rows and their sums in one transaction, and return what came of the truths; what was written before is
        not counted again.
        """
        for left in reversed(range(TRIES)):
            with told(self._address):
                try:
                    with self._transaction(writes=True) as connection:
                        return batch.write(connection, served, shadows, truths)
                except DBAPIError as error:
                    if not left or not may_succeed_now(error.orig):
                        raise
        raise AssertionError  # the last try returned or raised

    def totals(self, name: str, *, since: int = 1, buckets: int = 1) -> list[Total]:
        """Return an experiment's sums from a revision on, by revision and arm, each in up to so many spans of time."""
        with self._reading() as connection:
            return evidence.totals(connection, name, since, buckets)

    def shadow_totals(self, name: str, *, since: int = 1, buckets: int = 1) -> list[ShadowTotal]:
        """Return the sums of its shadow pairs from a revision on, by revision, arm that answered and arm unseen."""
        with self._reading() as connection:
            return evidence.shadow_totals(connection, name, since, buckets)

    def pairs(self, name: str, *, since: int = 1) -> list[PairCount]:
        """Return how often which arm of a labelled shadow pair was right, by minute of the label."""
        with self._reading() as connection:
            return evidence.pairs(connection, name, since)

    def outcomes(self, name: str, *, since: int = 1) -> Labels:
        """Return an experiment's labels in the order of their commits, without those of answers that were forced."""
        with self._reading() as connection:
            return evidence.outcomes(connection, name, since)

    def delete_unit(self, name: str, unit: str) -> int:
        """Remove all texts of a unit, and return how many there were."""
        with self._writing() as connection:
            return expiry.delete_unit(connection, name, unit)

    def expire(self, now: float, keep_days: float = KEEP_DAYS) -> int:
        """Remove texts that are past their time and rows older than `keep_days`, chunk by chunk, and return how many;
        sums, labels and the shadows that have one stay.
        """
        return sum(expiry.expire(self._writing, now, keep_days))

    def export(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield an experiment's predictions, oldest first, each with its shadows and its feedback in one flat row."""
        return export.rows(self._reading, name)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def _version(self, connection: Connection) -> str | None:
        if not self.engine.dialect.has_table(connection, "alembic_version"):
            return None
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if found is not None and found not in schema.REVISIONS:
            raise NewerSchema(
                f"the database {self.shown} is at schema {str(found)[:64]}, which a newer version of Bonsai made; this "
                f"one knows {schema.REVISIONS[-1]}: run the newer one, or set BONSAI_DATABASE_URL to another database"
            )
        return found

    def _make_file(self) -> None:
        file = self._address.file
        if file is None or identity(file) is not None or self._address.mode == "ro":
            return
        try:
            file.touch(mode=0o600)  # it holds the key of prediction ids
        except OSError as error:
            raise StoreAway(
                f"the database {self.shown} cannot be made ({error.strerror}); expected a file in a folder that may be "
                "written to, in BONSAI_DATABASE_URL"
            ) from error

    def _use_wal(self) -> None:
        if self._address.file is None:
            return
        with told(self._address), self.engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.execute("PRAGMA journal_mode=WAL")  # stays with the file

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with told(self._address), self._transaction(writes=False) as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with told(self._address), self._transaction(writes=True) as connection:
            yield connection

    @contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[Connection]:
        file = self._address.file
        before = identity(file) if file is not None else None
        with self.engine.connect().execution_options(writes=writes) as connection, connection.begin():
            if time.monotonic() >= self._known_until and self._version(connection) is not None:
                self._known_until = time.monotonic() + KNOWN_S
            yield connection
        if writes and file is not None and identity(file) != before:
            raise StoreAway(f"the database {self.shown} was removed while it was written to; put it back")
