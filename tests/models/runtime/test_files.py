import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from models.runtime.errors import BonsaiError
from models.runtime.files import check_place, replaced, why_not_taken, write_json, write_result


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "No space left on device"),  # Rust's words
        (shutil.Error([("a", "b", f"[Errno 28] {os.strerror(errno.ENOSPC)}: 'a' -> 'b'")]), "No space left on device"),
        (OSError(errno.EFBIG, "x"), "File too large"),
        (OSError(errno.ENOENT, "No such file or directory"), None),
        (ValueError("no"), None),
    ],
)
def test_a_full_disk_is_told_from_other_failures(error: Exception, said: str | None) -> None:
    assert why_not_taken(error) == said


def test_a_place_that_takes_no_result_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "result.json", tmp_path):
        with pytest.raises(BonsaiError, match=r"cannot be written to .*; choose another file with --out"):
            check_place(place)
        with pytest.raises(BonsaiError, match="cannot be written to"):
            write_result(place, {})
    check_place(tmp_path / "new" / "result.json")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_symbolic_link_stays_and_what_it_names_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    file, link = tmp_path / "kept" / "real.json", tmp_path / "link.json"
    link.symlink_to("kept/real.json")
    for content in (1, 2):  # not there yet, then there
        check_place(link)
        write_json(link, content)
        assert link.is_symlink() and json.loads(file.read_text()) == content
    assert list((tmp_path / "kept").iterdir()) == [file]


def test_what_is_no_file_is_never_replaced(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for place in (pipe, link):
        for use in (check_place, lambda file: write_result(file, {}), lambda file: replaced(file).__enter__()):
            with pytest.raises(BonsaiError, match=f"'{place}' is a device, a pipe or a socket; expected a file"):
                use(place)
    assert pipe.is_fifo() and sorted(tmp_path.iterdir()) == [link, pipe]
