import errno
import os
import shutil
from pathlib import Path

import pytest

from models.runtime.errors import BonsaiError
from models.runtime.files import check_place, why_not_taken, write_result


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
