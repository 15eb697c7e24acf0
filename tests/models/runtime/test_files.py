import errno
import os
import shutil

import pytest

from models.runtime.files import why_not_taken


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
