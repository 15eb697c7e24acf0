"""What an operator sets is read strictly."""

from pathlib import Path

import pytest

from models.runtime.errors import BonsaiError
from service.serving import settings


@pytest.mark.parametrize(
    ("name", "read", "default"),
    [
        ("BONSAI_THREADS", settings.threads, 1),
        ("BONSAI_WORKERS", settings.workers, 3),
        ("BONSAI_KEEP_ALIVE_S", settings.keep_alive_s, 75),
        ("BONSAI_GRACE_S", settings.grace_s, 20),
        ("BONSAI_READ_S", settings.read_s, 20),
        ("BONSAI_MAX_WAIT_MS", settings.most_wait_ms, 1000),
    ],
)
def test_numbers(monkeypatch: pytest.MonkeyPatch, name: str, read: object, default: int) -> None:
    assert callable(read)
    monkeypatch.setattr(settings, "cores", lambda: 3.7)
    for given, meant in (("", default), ("1", 1), ("8", 8), ("08", 8), ("1024", 1024)):
        monkeypatch.setenv(name, given)
        assert read() == meant
    for given in ("0", "-1", "1.5", "two", "²", "٣", "999999999", "9" * 5000, " 1"):
        monkeypatch.setenv(name, given)
        with pytest.raises(BonsaiError, match=rf"^{name} is '.*'; expected a whole number from 1 to \d+$"):
            read()


def test_a_drain_may_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, meant in (("", 5), ("0", 0), ("30", 30)):
        monkeypatch.setenv("BONSAI_DRAIN_S", given)
        assert settings.drain_s() == meant
    for given in ("-1", "1.5", "soon"):
        monkeypatch.setenv("BONSAI_DRAIN_S", given)
        with pytest.raises(BonsaiError, match=rf"^BONSAI_DRAIN_S is '{given}'; expected a whole number from 0 to \d+$"):
            settings.drain_s()


def test_names_of_variants_stand_between_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, meant in (("", ()), ("nano", ("nano",)), (" nano, teacher,,nano", ("nano", "teacher"))):
        monkeypatch.setenv("BONSAI_ONLY", given)
        assert settings.only() == meant
    for given in (",", " , ,"):
        monkeypatch.setenv("BONSAI_ONLY", given)
        with pytest.raises(BonsaiError, match=rf"^BONSAI_ONLY is '{given}'; expected names of variants"):
            settings.only()


def test_a_worker_a_core_and_one_at_the_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BONSAI_WORKERS", raising=False)
    for cores, expected in ((0.5, 1), (1.9, 1), (4.0, 4)):
        monkeypatch.setattr(settings, "cores", lambda cores=cores: cores)
        assert settings.workers() == expected


def test_switches(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, meant in (("", False), ("0", False), ("1", True)):
        monkeypatch.setenv("BONSAI_STRICT", given)
        assert settings.strict() is meant
    for given in ("yes", "true", "2", "-1"):
        monkeypatch.setenv("BONSAI_STRICT", given)
        with pytest.raises(BonsaiError, match=rf"^BONSAI_STRICT is '{given}'; expected 0 or 1$"):
            settings.strict()


def test_the_access_log_is_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, meant in (("", 0.0), ("0", 0.0), ("1", 1.0), ("0.01", 0.01)):
        monkeypatch.setenv("BONSAI_ACCESS_LOG", given)
        assert settings.access_log() == meant
    for given in ("yes", "-1", "2", "nan", "1e400"):
        monkeypatch.setenv("BONSAI_ACCESS_LOG", given)
        with pytest.raises(BonsaiError, match=rf"^BONSAI_ACCESS_LOG is '{given}'; expected a share from 0 to 1$"):
            settings.access_log()


def test_the_path_prefix_is_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, meant in (("", ""), ("/", ""), ("/a", "/a"), ("/a/b/", "/a/b")):
        monkeypatch.setenv("BONSAI_PATH_PREFIX", given)
        assert settings.path_prefix() == meant
    for given in ("a", "//a", "/a b", "/é", "/../{x}", "/a/../b", "/.", "/a/.."):
        monkeypatch.setenv("BONSAI_PATH_PREFIX", given)
        with pytest.raises(BonsaiError, match=r"^BONSAI_PATH_PREFIX is '.*'; expected a path such as /bonsai$"):
            settings.path_prefix()


def test_the_last_load_test_lies_where_it_is_said_or_with_the_variants(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BONSAI_VARIANTS", str(tmp_path / "variants"))
    monkeypatch.delenv("BONSAI_LOAD_TEST", raising=False)
    latest = tmp_path / "loadtest" / "results" / "latest"
    assert settings.load_tests() == [tmp_path / "variants" / "load_test.json", latest / "comparison.json"]
    for given in (latest, latest / "result.json", latest / "comparison.json"):
        monkeypatch.setenv("BONSAI_LOAD_TEST", str(given))
        assert latest / "comparison.json" in settings.load_tests()
        assert tmp_path / "variants" not in {place.parent for place in settings.load_tests()}


def test_the_variants_folder_is_the_same_for_processes_that_run_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BONSAI_VARIANTS", "mine")
    found = settings.variants_folder()
    monkeypatch.chdir("/")
    assert found == tmp_path / "mine"
