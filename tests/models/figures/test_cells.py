"""Where a result and its picture lie, and what of a stored result is taken."""

import json
from pathlib import Path
from typing import Any

import pytest

from models.figures import dark_knowledge, pruning
from models.figures.cells import Cells, picture_of
from models.figures.pruning_picture import check_histograms
from models.figures.rows import unpacked
from models.runtime.errors import BonsaiError

CONDITIONS = {"dataset": {"rows": {"test": 12}}}
CELL = {"curve": "l1", "accuracy": 0.25, "right": "1c00"}


def test_a_picture_lies_beside_its_result_and_never_in_its_place(tmp_path: Path) -> None:
    assert picture_of(tmp_path / "x.json") == tmp_path / "x.png"
    wrong = str(tmp_path / "x.png")
    with pytest.raises(BonsaiError, match="where the picture will be; expected a file for the result"):
        pruning.main(["--out", wrong, "--work", str(tmp_path / "work")])
    with pytest.raises(BonsaiError, match="where the picture will be"):
        dark_knowledge.main(["--out", wrong])
    assert list(tmp_path.iterdir()) == []


def read(file: Path, content: object) -> Cells:
    file.write_text(json.dumps(content))
    return Cells(file, "pruning", CONDITIONS, {"curve": str})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"experiment": "granularity"}, "is no result of this experiment"),
        ({"conditions": []}, "is no result of this experiment"),
        ({"cells": {}}, "is no result of this experiment"),
        ({"cells": [CELL, None]}, r"cell 2 is damaged \(it has no entries\)"),
        ({"cells": [{}]}, r"cell 1 is damaged \(curve is None\)"),
        ({"cells": [CELL | {"accuracy": "x"}]}, "accuracy is 'x'"),
        ({"cells": [CELL | {"right": "zz"}]}, "which rows are right is no hexadecimal number"),
        ({"cells": [CELL | {"right": 3}]}, "which rows are right is no hexadecimal number"),
        ({"cells": [CELL | {"right": "1c"}]}, "8 bits say which of 12 rows are right"),
        ({"cells": [CELL | {"right": "1c0000"}]}, "24 bits say which of 12 rows are right"),
        ({"cells": [CELL | {"right": "ff00"}]}, "its accuracy is not that of its rows"),
    ],
)
def test_a_damaged_result_is_one_sentence(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    whole = {"experiment": "pruning", "conditions": CONDITIONS, "cells": [CELL]}
    file = tmp_path / "x.json"
    assert read(file, whole).find(curve="l1") == CELL
    with pytest.raises(BonsaiError, match=said) as refused:
        read(file, whole | changes)
    assert "choose another file with --out" in str(refused.value) and "\n" not in str(refused.value)


def test_no_rows_are_made_up() -> None:
    assert unpacked("8000", 9).tolist() == [True] + 8 * [False]
    with pytest.raises(BonsaiError, match="8 bits say which of 9 rows are right"):
        unpacked("80", 9)


def test_damaged_histograms_are_one_sentence() -> None:
    counted = {"zeros": 1, "counts": [1]}
    whole = {"share": 0.9, "from": -0.2, "to": 0.2, "before": counted, "pruned": counted, "retrained": counted}
    check_histograms({"histograms": whole}, Path("x.json"))
    check_histograms({}, Path("x.json"))
    for damaged in ([], {}, whole | {"pruned": {"zeros": 1, "counts": []}}):
        with pytest.raises(BonsaiError, match=r"'x.json': its histograms are damaged \(.+\); choose"):
            check_histograms({"histograms": damaged}, Path("x.json"))
