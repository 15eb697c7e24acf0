"""A URL names a store or is refused in one sentence, and its password is never shown."""

from pathlib import Path

import pytest

from service.store.address import read_address
from service.store.errors import WrongAddress
from service.store.store import Store


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "no database URL; expected sqlite:///file.db or postgresql://"),
        ("store.db", "no database URL; expected"),
        ("mysql://root:tulip@host/db", "of the kind 'mysql'; expected"),
        ("oracle+odd://root:tulip@host/db", "of the kind 'oracle+odd'; expected"),
        ("postgresql+psycopg2://root:tulip@host/db", "of the kind 'postgresql+psycopg2'; expected"),
        ("postgresql://root:tulip@host:port/db", "no database URL of 'postgresql'; expected"),
        ("postgresql://root:tu@lip@host/db", "'@' too many"),
        ("postgresql://root:tu/l@ip@host/db", "'@' too many"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///file:store.db?uri=true", "names no file"),
        ("sqlite:///store.db?mode=rwc", "unknown host or option"),
        ("sqlite:///store.db?cache=shared", "unknown host or option"),
        ("sqlite://folder/store.db", "unknown host or option"),
    ],
)
def test_what_names_no_store_is_refused(url: str, said: str) -> None:
    with pytest.raises(WrongAddress) as refused:
        read_address(url)
    assert said in str(refused.value)
    assert not any(part in str(refused.value) for part in ("tulip", "lip", "\n"))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://root:tulip@host:5433/db", "postgresql://root:***@host:5433/db"),
        ("postgres://root@host/db?password=tulip", "postgresql://root@host/db"),
        ("postgresql+psycopg://root:tulip@/db?host=/run/socket", "postgresql://root:***@/db?host=%2Frun%2Fsocket"),
        ("sqlite+pysqlite:////var/lib/store.db", "sqlite:////var/lib/store.db"),
    ],
)
def test_what_is_shown_has_no_password(url: str, shown: str) -> None:
    address = read_address(url)
    assert address.shown == shown
    assert "tulip" not in url or "tulip" not in address.without_password("FATAL: no tulip for you")


def test_a_file_may_lie_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a folder #1 %41").mkdir()
    for url in ("sqlite:///store.db", "sqlite:///a folder #1 %2541/ä;b.db"):
        store = Store(url)
        store.migrate()
        store.check()
        store.close()
        assert Path(store.shown.removeprefix("sqlite:///")).is_file()
