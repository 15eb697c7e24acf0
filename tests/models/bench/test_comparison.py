import copy
import json
from pathlib import Path
from typing import Any

import pytest

from models.bench.comparison import control_verdict, factors, figures, markdown, read_result, short_table
from models.bench.controls import AGAIN, EAGER, PLAIN
from models.runtime.errors import BonsaiError

GATE = {
    "verdict": "passed",
    "margin": 0.01,
    "alpha": 0.05,
    "drop": 0.0,
    "low": 0.0,
    "high": 0.005,
    "lost": 1,
    "won": 1,
    "mcnemar_p": 1.0,
    "rows_to_decide": 0,
}


def row(times: list[float], **about: Any) -> dict[str, Any]:
    rounds = [
        {"p50_ms": time, "p95_ms": 2 * time, "p99_ms": 3 * time, "mean_ms": 1.1 * time, "texts_per_s": 2000 / time}
        for time in times
    ]
    accuracy = {"value": 0.925, "low": 0.915, "high": 0.934}
    return {
        "kind": "control",
        "made": "",
        "bytes": 1_500_000,
        "accuracy": accuracy,
        "offline_texts": 40,
        "rounds": rounds,
        **about,
    }


@pytest.fixture
def result() -> dict[str, Any]:
    return {
        "name": "tiny",
        "conditions": {
            "started": "2026-11-23T20:00:00+00:00",
            "machine": {"cpu": "a processor", "threads": 1},
            "libraries": {"torch": "2", "onnxruntime": "1"},
            "dataset": {"name": "tiny", "rows": {"test": 40}, "labels": 4, "sha256": "0" * 64},
            "rounds": 5,
            "texts": 10,
            "offline_batch": 32,
        },
        "denominator": PLAIN,
        "control": AGAIN,
        "eager": EAGER,
        "rows": {
            "nano": row(
                [0.1, 0.11, 0.1, 0.09, 0.1], kind="variant", version="0123456789ab", gate=GATE, changed_answers=0
            ),
            PLAIN: row([4.0, 4.4, 4.0, 3.6, 4.1]),
            AGAIN: row([4.0, 4.38, 4.02, 3.6, 4.1]),
            EAGER: row([10.0, 11.0, 10.0, 9.0, 10.0], offline_texts=32),
        },
    }


def test_a_table_redrawn_is_the_same(result: dict[str, Any]) -> None:
    drawn = markdown(result)
    assert drawn == markdown(json.loads(json.dumps(result)))
    for table in (figures(result), factors(result)):
        assert [cells[0] for cells in table.rows] == list(result["rows"])
        assert {len(cells) for cells in table.rows} == {len(table.heads)}
    (nano,) = [cells for cells in factors(result).rows if cells[0] == "nano"]
    assert nano[1] == "40.2 [39.7, 40.8]"
    assert nano[3] == "100 [100, 100]"
    assert not drawn.startswith("**")


def test_a_control_beside_one_says_that_the_run_proves_nothing(result: dict[str, Any]) -> None:
    assert control_verdict(result).holds
    slower = copy.deepcopy(result)
    slower["rows"][AGAIN] = row([time * 1.05 for time in (4.0, 4.4, 4.0, 3.6, 4.1)])
    assert not control_verdict(slower).holds
    assert markdown(slower).startswith("**This run proves nothing")
    scattered = copy.deepcopy(result)
    scattered["rows"][AGAIN] = row(
        [time * factor for time, factor in zip((4.0, 4.4, 4.0, 3.6, 4.1), (0.8, 1.2, 1, 1, 1), strict=True)]
    )
    assert control_verdict(scattered).is_one
    assert not control_verdict(scattered).holds
    said = markdown(scattered)
    assert said.startswith("**The A/A control of this run is wider than 0.9 to 1.1 (mean 1.0")
    assert "a difference of its size proves nothing" in said
    noisy = copy.deepcopy(result)
    noisy["rows"][AGAIN] = row(
        [time * factor for time, factor in zip((4.0, 4.4, 4.0, 3.6, 4.1), (0.94, 1.06, 1, 1, 1), strict=True)]
    )
    assert control_verdict(noisy).holds
    assert markdown(noisy).startswith("**This run was noisy")


def test_a_claim_that_a_round_contradicts_is_undecided(result: dict[str, Any]) -> None:
    for name, times in (("nano", [3.0] * 8 + [4.5]), (PLAIN, [4.0] * 9), (AGAIN, [4.0] * 9), (EAGER, [10.0] * 9)):
        result["rows"][name] = row(times)
    (nano,) = [cells for cells in factors(result).rows if cells[0] == "nano"]
    assert nano[1] == "undecided [0.89, 1.33]"
    assert nano[3].startswith("3.19 [")


def test_a_slow_row_is_compared_on_its_own_texts(result: dict[str, Any]) -> None:
    result["rows"][EAGER] |= {"few": True, "texts": 5, "accuracy_texts": 10}
    for name in ("nano", PLAIN, AGAIN):
        for one in result["rows"][name]["rounds"]:
            one["few"] = {figure: value * 2 for figure, value in one.items()}
    drawn = {cells[0]: cells for cells in factors(result).rows}
    assert drawn["nano"][1].startswith("40.2 ["), "two fast rows on all texts"
    assert drawn["nano"][3].startswith("50.0 ["), "against a slow one on the few"
    assert drawn[EAGER][1] == "0.80 [0.79, 0.82]"
    assert f"{EAGER} has its times from 5 of these texts alone and 32 in batches" in markdown(result)
    assert next(cells for cells in figures(result).rows if cells[0] == EAGER)[8] == "–", "five texts have no p99"


def test_the_short_table_holds_the_variants_and_what_they_are_compared_with(result: dict[str, Any]) -> None:
    lines = [line for line in short_table(result).splitlines() if line.startswith("| ")]
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| nano", f"| {PLAIN}"]
    assert "| 92.50 [91.5, 93.4] | passed at 1 |" in lines[2]
    assert lines[2].endswith("| 40.2 [39.7, 40.8] | 40.2 [39.7, 40.8] |")
    assert short_table(result).count("\n") == 6


def test_a_ceiling_has_no_times_and_a_row_left_out_has_its_reason(result: dict[str, Any]) -> None:
    result["rows"]["the mean of 3 teachers"] = row([], kind="ceiling")
    result["left_out"] = {"TF-IDF": "ValueError: empty vocabulary"}
    drawn = markdown(result)
    assert next(cells for cells in figures(result).rows if cells[0] == "the mean of 3 teachers")[5:] == ["–"] * 5
    assert "the mean of 3 teachers" not in [cells[0] for cells in factors(result).rows]
    assert "Left out: TF-IDF (ValueError: empty vocabulary)." in drawn


def test_what_the_tokenizers_had_met_is_said(result: dict[str, Any]) -> None:
    assert "had met the very texts that are timed" in markdown(result)
    result["conditions"] |= {"warmed_with": 9000, "offline_texts": 1536}
    assert "has met the words of 9,000 training texts, and none of the texts that are timed" in markdown(result)


def test_answers_unlike_the_evaluation_are_said(result: dict[str, Any]) -> None:
    result["rows"]["nano"]["changed_answers"] = 2
    assert "**nano gave 2 of 10 texts another label" in markdown(result)


def test_unusable_results_are_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BonsaiError, match=r"no benchmark result at .*'python -m models.bench --out"):
        read_result(tmp_path / "none.json")
    for content, said in (("{", "is not JSON"), ("[]", "is no benchmark result"), ("{}", "is no benchmark result")):
        (tmp_path / "bad.json").write_text(content)
        with pytest.raises(BonsaiError, match=said):
            read_result(tmp_path / "bad.json")
