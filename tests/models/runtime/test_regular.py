import os
from pathlib import Path

import pytest

from models.runtime.regular import open_regular


def test_a_file_and_a_link_to_one_are_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        with open_regular(tmp_path / name) as file:
            assert file.read() == b"content"


def test_nobody_waits_for_the_writer_of_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is no file of its own"):
        open_regular(tmp_path / "pipe")
    assert not any(each.readlink().name == "pipe" for each in Path("/proc/self/fd").iterdir() if each.is_symlink())


@pytest.mark.parametrize("name", ["none", "."])
def test_what_is_no_file_is_an_error_of_the_system(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError):
        open_regular(tmp_path / name)
