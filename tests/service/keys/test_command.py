"""`python -m service.keys`, as it is typed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.keys.__main__ import main
from service.keys.entries import KEY, digest, read_entries

ROOT = Path(__file__).parents[3]


def test_a_key_is_made_listed_and_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "keys"
    monkeypatch.setenv("BONSAI_KEYS", str(file))
    command = ["new", "shop", "--role", "predict", "--texts-per-second", "500", "--burst", "1000"]
    assert main(command) == 0
    made = capsys.readouterr()
    key = made.out.strip()
    assert KEY.fullmatch(key) and made.out.count("\n") == 1  # nothing but the key: KEY=$(…) holds it
    assert main(["new", "ops", "--role", "admin"]) == 0
    capsys.readouterr()
    content = file.read_text()
    assert key not in content and content.startswith("# NAME")
    assert [(entry.name, entry.role, entry.burst) for entry in read_entries(file)] == [
        ("shop", "predict", 1000), ("ops", "admin", None),
    ]  # fmt: skip
    assert read_entries(file)[0].sha256 == digest(key).hex()
    assert main(["list"]) == 0
    listed = capsys.readouterr().out
    assert "shop predict sha256:" in listed and "texts_per_second=500 burst=1000" in listed
    assert digest(key).hex() not in listed
    assert main(["remove", "shop", "--file", str(file)]) == 0
    assert [entry.name for entry in read_entries(file)] == ["ops"] and file.read_text().startswith("# NAME")
    assert main(["remove", "ops"]) == 0
    assert read_entries(file) == []


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["new", "shop", "--role", "predict"], "has a key 'shop'"),
        (["new", "a b", "--role", "predict"], "is no name"),
        (["new", "b", "--role", "predict", "--burst", "5"], "expected --texts-per-second as well"),
        (["remove", "nobody"], "has no key 'nobody'"),
        (["list", "--file", "nowhere/keys"], "cannot be read"),
        (["new", "b", "--role", "admin", "--file", "nowhere/keys"], "cannot be changed"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_exit_code_2(
    tmp_path: Path, command: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BONSAI_KEYS", str(tmp_path / "keys"))
    main(["new", "shop", "--role", "predict"])
    before = (tmp_path / "keys").read_text()
    capsys.readouterr()
    assert main(command) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ") and said in printed.err and printed.err.count("\n") == 1
    assert not printed.out and (tmp_path / "keys").read_text() == before


@pytest.mark.parametrize("command", [["new", "b", "--role", "predict"], ["remove", "b"], ["list"]])
def test_a_file_that_is_not_utf_8_is_one_sentence(
    tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "keys"
    file.write_bytes("# schlüssel\n".encode("latin-1"))
    assert main([*command, "--file", str(file)]) == 2
    assert "is no file of keys; expected lines of UTF-8" in capsys.readouterr().err
    assert file.read_bytes() == "# schlüssel\n".encode("latin-1")


def test_no_file_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BONSAI_KEYS", raising=False)
    assert main(["list"]) == 2
    assert "expected --file FILE, or BONSAI_KEYS" in capsys.readouterr().err


def test_keys_that_are_made_at_the_same_time_are_all_there(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "service.keys", "new", "--role", "predict", "--file", str(tmp_path / "keys")]
    running = [subprocess.Popen([*command, f"key{number}"], cwd=ROOT, stdout=subprocess.PIPE) for number in range(4)]
    made = [process.communicate(timeout=600)[0].decode().strip() for process in running]
    assert {entry.sha256 for entry in read_entries(tmp_path / "keys")} == {digest(key).hex() for key in made}


def test_a_file_keeps_its_rights_and_the_link_that_leads_to_it(tmp_path: Path) -> None:
    """A service of another user reads it: a revocation that it cannot read would not hold."""
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "keys", tmp_path / "keys"
    assert main(["new", "shop", "--role", "predict", "--file", str(real)]) == 0
    real.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(real, 12345, 54321)
    before = real.stat()
    link.symlink_to("real/keys")
    old = os.umask(0o077)
    try:
        assert main(["new", "ops", "--role", "admin", "--file", str(link)]) == 0
        assert main(["remove", "shop", "--file", str(link)]) == 0
    finally:
        os.umask(old)
    assert link.is_symlink() and [entry.name for entry in read_entries(real)] == ["ops"]
    after = real.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


def test_a_key_that_cannot_be_shown_is_not_kept(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    command = [sys.executable, "-m", "service.keys", "new", "shop", "--role", "predict", "--file", str(file)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert "error: the key cannot be shown (No space left on device), and is taken out again" in done.stderr
    assert "Traceback" not in done.stderr and read_entries(file) == []


def test_a_key_that_nobody_would_see_is_not_made(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    command = f"{sys.executable} -m service.keys new shop --role predict --file {file} >&-"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, file.exists()) == (2, False)
    assert done.stderr.startswith("error: there is no standard output")


def test_who_has_read_enough_of_a_list_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    lines = (f"k{number} predict sha256:{number:064x}" for number in range(3000))
    file.write_text("\n".join(lines))
    command = f"{sys.executable} -m service.keys list --file {file} | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("k0 predict sha256:")
