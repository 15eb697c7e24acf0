"""Where a store is: a database URL, read strictly, and how it is shown without its password."""

from pathlib import Path
from typing import NamedTuple

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from service.store.errors import WrongAddress

EXPECTED = "expected sqlite:///file.db or postgresql://user:password@host/name"
SQLITE = ("sqlite", "sqlite+pysqlite")
POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
MODES = ("rw", "ro")


class Address(NamedTuple):
    """A database, how it is shown, and of SQLite the file and how it is opened."""

    url: URL
    shown: str
    file: Path | None
    mode: str = "rw"

    @property
    def file_uri(self) -> str:
        """The file as SQLite opens it: it is not made here, or an empty one would be taken for a store that is gone."""
        assert self.file is not None
        return f"{self.file.as_uri()}?mode={self.mode}"

    def without_password(self, said: str) -> str:
        """Return what a database said without its password."""
        secrets = [str(self.url.password or ""), *map(str, (self.url.query.get("password", ""),))]
        for secret in filter(None, secrets):
            said = said.replace(secret, "***")
        return said


def read_address(url: str) -> Address:
    """Return the store of a URL (WrongAddress, which shows no more of it than the kind)."""
    kind = url.partition("://")[0][:32] if "://" in url else ""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise WrongAddress(f"BONSAI_DATABASE_URL is no database URL{kind and f' of {kind!r}'}; {EXPECTED}") from None
    if parsed.drivername in SQLITE:
        return _sqlite(parsed)
    if parsed.drivername in POSTGRESQL:
        return _postgresql(parsed)
    raise WrongAddress(f"BONSAI_DATABASE_URL is of the kind {kind!r}; {EXPECTED}")


def identity(file: Path) -> tuple[int, int] | None:
    """Return which file lies at a path, if any: of one that was removed, an open connection writes on into nothing."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _sqlite(url: URL) -> Address:
    mode = str(url.query.get("mode", "rw"))
    if url.database in (None, "", ":memory:") or str(url.database).startswith("file:"):
        raise WrongAddress("BONSAI_DATABASE_URL names no file, and workers share none without one; " + EXPECTED)
    if mode not in MODES or set(url.query) - {"mode"} or url.host:
        raise WrongAddress(
            f"BONSAI_DATABASE_URL of SQLite has an unknown host or option; {EXPECTED}, with ?mode=ro to read only"
        )
    file = Path(str(url.database)).absolute()
    return Address(url, f"sqlite:///{file}", file, mode)


def _postgresql(url: URL) -> Address:
    if "@" in f"{url.host}{url.database}":  # part of a password that holds / or @: it must not be shown
        raise WrongAddress("BONSAI_DATABASE_URL has an '@' too many; write %40 for '@' and %2F for '/' in a password")
    shown = url.set(drivername="postgresql", query={key: url.query[key] for key in ("host",) if key in url.query})
    return Address(url.set(drivername="postgresql+psycopg"), shown.render_as_string(hide_password=True), None)
