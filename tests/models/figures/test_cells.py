"""Where a result and its picture lie."""

from pathlib import Path

import pytest

from models.figures import dark_knowledge, pruning
from models.figures.cells import picture_of
from models.runtime.errors import BonsaiError


def test_a_picture_lies_beside_its_result_and_never_in_its_place(tmp_path: Path) -> None:
    assert picture_of(tmp_path / "x.json") == tmp_path / "x.png"
    wrong = str(tmp_path / "x.png")
    with pytest.raises(BonsaiError, match="where the picture will be; expected a file for the result"):
        pruning.main(["--out", wrong, "--work", str(tmp_path / "work")])
    with pytest.raises(BonsaiError, match="where the picture will be"):
        dark_knowledge.main(["--out", wrong])
    assert list(tmp_path.iterdir()) == []
