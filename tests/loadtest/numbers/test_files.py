import os
from pathlib import Path

import pytest

from loadtest.errors import LoadTestError
from loadtest.numbers.files import check_place, write_json


def test_a_symbolic_link_stays_and_what_is_no_file_is_never_replaced(tmp_path: Path) -> None:
    link, pipe = tmp_path / "link.json", tmp_path / "pipe"
    link.symlink_to("real.json")
    check_place(link)
    write_json(link, 1)
    assert link.is_symlink() and (tmp_path / "real.json").read_text() == "1\n"
    os.mkfifo(pipe)
    for refuse in (check_place, lambda file: write_json(file, 1)):
        with pytest.raises(LoadTestError, match="is a device, a pipe or a socket; expected a file with --out"):
            refuse(pipe)
    assert pipe.is_fifo()
