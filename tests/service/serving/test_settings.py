import pytest

from models.runtime.errors import BonsaiError
from service.serving import settings


@pytest.mark.parametrize(("name", "read"), [("BONSAI_THREADS", settings.threads), ("BONSAI_WORKERS", settings.workers)])
def test_numbers(monkeypatch: pytest.MonkeyPatch, name: str, read: object) -> None:
    assert callable(read)
    for given, meant in (("", 1), ("1", 1), ("8", 8), ("08", 8), ("1024", 1024)):
        monkeypatch.setenv(name, given)
        assert read() == meant
    for given in ("0", "-1", "1.5", "two", "²", "٣", "1025", "9" * 5000, " 1"):
        monkeypatch.setenv(name, given)
        with pytest.raises(BonsaiError, match=rf"^{name} is '.*'; expected a whole number from 1 to 1024$"):
            read()


@pytest.mark.parametrize(
    ("name", "read"), [("BONSAI_STRICT", settings.strict), ("BONSAI_ACCESS_LOG", settings.access_log)]
)
def test_switches(monkeypatch: pytest.MonkeyPatch, name: str, read: object) -> None:
    assert callable(read)
    for given, meant in (("", False), ("0", False), ("1", True)):
        monkeypatch.setenv(name, given)
        assert read() is meant
    for given in ("yes", "true", "2", "-1"):
        monkeypatch.setenv(name, given)
        with pytest.raises(BonsaiError, match=rf"^{name} is '{given}'; expected 0 or 1$"):
            read()
