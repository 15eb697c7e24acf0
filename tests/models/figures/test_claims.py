import json

import numpy as np
import pytest

from models.bench.command import PUBLISHED
from models.figures.claims import claims, markdown, paired
from models.figures.rows import packed
from models.runtime.errors import BonsaiError

ROWS = 400


def content(right: dict[tuple[str, int], np.ndarray]) -> dict[str, object]:
    cells = [
        {"curve": curve, "share": 0.0 if curve == "teacher" else 0.5, "seed": seed, "right": packed(rows)}
        for (curve, seed), rows in right.items()
    ]
    return {"conditions": {"dataset": {"rows": {"test": ROWS}}}, "cells": cells}


def test_equal_answers_of_one_seed_leave_a_difference_possible() -> None:
    same = np.arange(ROWS) % 5 > 0
    (claim,) = claims(content({("l1", 0): same, ("l2", 0): same}))
    assert claim["difference"] == 0
    assert claim["low"] < -0.5 and claim["high"] > 0.5


def test_equal_answers_of_several_seeds_do_too() -> None:
    same = [np.arange(ROWS) % divisor > 0 for divisor in (4, 5)]
    (claim,) = claims(content({(curve, seed): same[seed] for curve in ("l1", "l2") for seed in (0, 1)}))
    assert (claim["difference"], claim["seeds"]) == (0, 2)
    assert claim["low"] < -0.5 and claim["high"] > 0.5


def test_a_difference_of_one_seed_has_tangos_interval() -> None:
    first, second = np.ones(ROWS), np.ones(ROWS)
    second[:40], first[40:50] = 0, 0
    found = paired(first, second)
    assert found["difference"] == pytest.approx(100 * 30 / ROWS)
    assert (found["low"], found["high"]) == pytest.approx((4.2, 11.0), abs=0.2)


def test_several_seeds_count_a_row_by_their_mean() -> None:
    first = np.tile([1.0, 0.5, 1.0, 0.5], ROWS // 4)
    second = np.tile([0.5, 0.5, 0.5, 1.0], ROWS // 4)
    found = paired(first, second)
    assert found["difference"] == pytest.approx(12.5)
    assert found["low"] < 12.5 < found["high"]


def test_the_published_claims_are_those_of_the_published_cells() -> None:
    content = json.loads((PUBLISHED / "pruning.json").read_text())
    assert content["claims"] == claims(content)


def test_the_table_says_how_many_seeds_its_claims_have() -> None:
    rows = np.arange(ROWS) % 5 > 0
    found = content({("l1", 0): rows, ("l1", 1): rows, ("l2", 0): rows, ("teacher", 0): rows, ("l2", 1): rows})
    found |= {"cpu": "a CPU"}
    found["conditions"]["dataset"]["name"] = "some"  # type: ignore[index]
    assert markdown(found | {"claims": claims(found)}).endswith("some, 400 test rows, 2 seeds. a CPU.\n")
    found["cells"].pop()  # type: ignore[attr-defined]
    assert markdown(found | {"claims": claims(found)}).endswith("some, 400 test rows, 1 to 2 seeds. a CPU.\n")
    with pytest.raises(BonsaiError, match="compares no two curves"):
        markdown(found | {"claims": []})
