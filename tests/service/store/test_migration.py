"""Migrations lead to the schema that the code knows, wherever the package lies."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from service.store import schema
from service.store.errors import NewerSchema, OlderSchema, StoreError
from service.store.migration import scripts
from service.store.schema import REVISIONS
from service.store.store import KNOWN_S, Store
from tests.service.store.made import served
from tests.service.store.processes import in_each, migrate

ROOT = Path(__file__).parents[3]


def test_migrations_make_the_tables_that_the_code_knows(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []


def test_every_revision_is_known() -> None:
    found = [script.revision for script in ScriptDirectory.from_config(scripts()).walk_revisions()]
    assert tuple(reversed(found)) == schema.REVISIONS


def test_a_store_is_migrated_once_and_keeps_its_rows(empty_url: str, open_store: Callable[[str], Store]) -> None:
    store = open_store(empty_url)
    if "postgresql" in empty_url:
        with pytest.raises(OlderSchema, match="schema none"):
            store.check()
    store.migrate()
    store.write([served(1)])
    store.migrate()
    store.check()
    assert store.totals("trial")[0].requests == 1


def test_a_new_file_is_for_its_user_alone(tmp_path: Path, open_store: Callable[[str], Store]) -> None:
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    store.migrate()
    store.write([served(1)])
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_processes_may_migrate_together(empty_url: str) -> None:
    first, *others = in_each(migrate, *[(empty_url,)] * 4)
    assert len(first) == 32
    assert others == [first] * 3


def test_a_newer_schema_is_one_sentence_and_is_left_alone(store: Store) -> None:
    _set_version(store, "9999")
    for use in (store.migrate, store.check):
        with pytest.raises(NewerSchema, match=r"at schema 9999, which a newer version of Bonsai made; this one knows"):
            use()
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "9999"
    store._known_until = 0.0  # as of a process that has not looked for a second
    uses: list[Callable[[], object]] = [
        store.experiments,
        lambda: store.save("x", {}, "running", "created", actor="a"),
        lambda: store.write([served(1)]),
    ]
    for use in uses:
        with pytest.raises(NewerSchema):
            use()


def test_a_store_that_is_migrated_while_it_is_used_is_left_alone_soon(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("service.store.store.time", SimpleNamespace(monotonic=lambda: now[0]))
    store.write([served(1)])
    _set_version(store, "9999")
    now[0] += KNOWN_S
    for use in (store.generation, lambda: store.write([served(2)])):
        with pytest.raises(NewerSchema):
            use()
    _set_version(store, REVISIONS[-1])
    store.write([served(2)])
    assert store.totals("trial")[0].requests == 2


def _set_version(store: Store, version: str) -> None:
    with store.engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{version}'")


def test_a_store_without_tables_says_so(empty_url: str, open_store: Callable[[str], Store], tmp_path: Path) -> None:
    (tmp_path / "store.db").touch()
    store = open_store(empty_url)
    with pytest.raises(OlderSchema, match="restart the service, which migrates it"):
        store.check()
    uses: list[Callable[[], object]] = [
        store.experiments,
        store.generation,
        store.secret,
        lambda: store.write([served(1)]),
    ]
    for use in uses:
        with pytest.raises(StoreError, match="holds no tables of experiments; restart the service, which makes them"):
            use()


def test_python_files_alone_can_migrate(tmp_path: Path) -> None:
    """What a Bento takes along; and nothing but a migration needs Alembic."""
    for part in ("service/store", "models/runtime"):
        for path in (ROOT / part).rglob("*.py"):
            copy = tmp_path / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    for package in ("service", "models"):
        (tmp_path / package / "__init__.py").touch()
    code = (
        "import sys; from service.store.writer import Writer; from service.store.store import Store\n"
        "store = Store('sqlite:///store.db'); assert 'alembic' not in sys.modules\n"
        "store.migrate(); store.check(); store.close(); print(sys.modules['service.store.store'].__file__)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(str(tmp_path))


def test_what_callers_name_loads_no_database_library() -> None:
    code = "import sys, service.store.errors, service.store.rows; print('sqlalchemy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.stdout == "False\n", done.stderr
