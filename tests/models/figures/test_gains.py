import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import image

from models.figures.arms import HARD, Arm
from models.figures.gains import Gains, markdown, pack, read_gains, table, unpack
from models.figures.gains_picture import draw_gains
from models.runtime.errors import BonsaiError

ROWS = 400
SOFT = Arm(1, 4.0).name


def experiment(*, soft: float, seeds: int = 4, shares: tuple[str, ...] = ("1", "0.1")) -> dict[str, Any]:
    """Return a stored experiment in which students of hard labels have 0.7 of the rows right, and others `soft`."""
    draws = np.random.default_rng(0)

    def students(level: float) -> dict[str, str]:
        return {f"{seed}": pack((draws.random(ROWS) < level).tolist()) for seed in range(seeds)}

    right = pack([True] * ROWS)
    return {
        "experiment": "dark_knowledge",
        "name": "made",
        "key": "k",
        "conditions": {
            "dataset": {"name": "made", "rows": {"train": 1000, "test": ROWS}, "labels": 3, "sha256": "0" * 64},
            "student": {"layers": [0]},
            "machine": {"cpu": "a CPU"},
            "libraries": {"torch": "2"},
            "started": "2026-11-28T00:00:00",
            "train_rows": {share: round(1000 * float(share)) for share in shares},
        },
        "teachers": [right] * 3,
        "ensemble": right,
        # stored in another order than shown
        "cells": {
            share: {Arm(3, 4.0).name: students(soft), SOFT: students(soft), HARD: students(0.7)} for share in shares
        },
    }


@given(st.lists(st.booleans(), min_size=1, max_size=100))
def test_packed_rows_come_back(right: list[bool]) -> None:
    assert unpack(pack(right), len(right)).tolist() == right


def test_a_large_gain_is_beyond_chance_and_none_is_not() -> None:
    gain = Gains(experiment(soft=0.9)).gain("1", SOFT)
    assert gain.beyond_chance
    assert gain.seeds.low < gain.seeds.value < gain.seeds.high
    assert gain.rows.value == pytest.approx(gain.seeds.value)
    assert 10 < gain.rows.value < 30
    assert not Gains(experiment(soft=0.7)).gain("1", SOFT).beyond_chance


def test_two_seeds_rule_no_chance_out_however_well_they_agree() -> None:
    result = experiment(soft=0.9)
    for arm, students in result["cells"]["1"].items():
        result["cells"]["1"][arm] = dict.fromkeys(("0", "1", "2"), students["0"])
    assert Gains(result).gain("1", SOFT).beyond_chance
    for students in result["cells"]["1"].values():
        del students["2"]
    assert not Gains(result).gain("1", SOFT).beyond_chance
    assert not any("*" in cell for row in table(Gains(result)).rows if row[0] == "1,000" for cell in row)


def test_an_arm_is_not_ahead_of_itself() -> None:
    gain = Gains(experiment(soft=0.8)).gain("1", SOFT, SOFT)
    assert (gain.seeds.low, gain.seeds.high, gain.rows.low, gain.rows.high) == (0, 0, 0, 0)


def test_only_seeds_that_both_have_are_compared() -> None:
    result = experiment(soft=0.8)
    whole = Gains(result).gain("1", SOFT)
    result["cells"]["1"][SOFT]["9"] = pack([False] * ROWS)
    assert Gains(result).gain("1", SOFT) == whole


def test_the_interval_of_the_rows_holds_as_often_as_it_says() -> None:
    """Draws students of equal worth again and again; counts are those of a binomial within chance."""
    draws, holds, times = np.random.default_rng(1), 0, 300
    for _ in range(times):
        result = experiment(soft=0.7, seeds=2, shares=("1",))
        ease = draws.random(ROWS)  # rows that are hard for one are hard for all
        cells = result["cells"]["1"]
        for arm in (HARD, SOFT):
            cells[arm] = {
                f"{seed}": pack((ease + 0.3 * draws.standard_normal(ROWS) < 0.7).tolist()) for seed in range(2)
            }
        rows = Gains(result).gain("1", SOFT).rows
        holds += rows.low <= 0 <= rows.high
    assert 0.91 <= holds / times <= 0.98


def test_the_table_has_a_row_for_every_arm_in_order() -> None:
    gains = Gains(experiment(soft=0.9))
    drawn = table(gains)
    assert [(row[0], row[1]) for row in drawn.rows] == [
        (share, arm) for share in ("100", "1,000") for arm in (HARD, SOFT, Arm(3, 4.0).name)
    ]
    assert [row[3].endswith("*") for row in drawn.rows] == [False, True, True] * 2
    assert "made, 400 test rows" in markdown(gains)
    assert markdown(gains).count("students of 3 teachers over one teacher's") == 2


def test_an_arm_of_one_seed_is_not_shown() -> None:
    result = experiment(soft=0.9)
    result["cells"]["1"][SOFT] = {"0": result["cells"]["1"][SOFT]["0"]}
    assert SOFT not in Gains(result).arms("1")
    assert SOFT in Gains(result).arms("0.1")


def test_the_picture_is_the_same_for_the_same_result(tmp_path: Path) -> None:
    gains = Gains(experiment(soft=0.9))
    drawn = draw_gains(gains)
    assert drawn == draw_gains(gains)
    assert len(drawn) < 300_000
    file = tmp_path / "gains.png"
    file.write_bytes(drawn)
    assert image.imread(file).shape[1] > 500


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "no result at"), ("{", "is not JSON"), (json.dumps({"experiment": "other"}), "is no result of this kind")],
)
def test_what_is_no_result_is_one_sentence(tmp_path: Path, content: str | None, reason: str) -> None:
    file = tmp_path / "result.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(BonsaiError, match=reason) as error:
        read_gains(file)
    assert "python -m models.figures dark_knowledge" in str(error.value)
