from pathlib import Path

import pytest

from models.figures.command import main
from models.figures.generalization import markdown, read_generalization
from models.report.build_results import read_build_results
from models.report.robustness import robustness
from models.runtime.errors import BonsaiError
from tests.models.conftest import VARIANTS


def test_a_build_is_read_off_stored_and_shown(built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "generalization.json"
    assert main(["generalization", "--variants", str(built), "--out", str(file)]) == 0
    result, results = read_generalization(file), read_build_results(built)
    assert list(result["variants"]) == VARIANTS
    judged = robustness(results)
    for one in results.variants:
        row = result["variants"][one.name]
        assert row["accuracy"] == {"plain": one.card.accuracy.value, **one.card.robustness}
        if one.card.gate:
            assert row["drop"]["plain"]["drop"] == one.card.gate.drop
            assert row["drop"]["typos"]["drop"] == judged[one.name]["typos"].drop
            teacher = result["variants"]["teacher"]["accuracy"]["typos"]
            assert row["drop"]["typos"]["drop"] == pytest.approx(teacher - row["accuracy"]["typos"])
    printed = capsys.readouterr().out
    assert all(name in printed and name in markdown(result) for name in VARIANTS)
    assert "AUROC" not in printed  # the tiny data set has no texts out of scope


def test_out_of_scope_texts_have_a_column_where_there_are_some(built: Path, tmp_path: Path) -> None:
    file = tmp_path / "generalization.json"
    assert main(["generalization", "--variants", str(built), "--out", str(file)]) == 0
    result = read_generalization(file)
    result["out_of_scope"] = 7
    for row in result["variants"].values():
        row["out_of_scope_auroc"] = 0.75
    assert markdown(result).count("| 0.750 |") == len(VARIANTS)
    assert "7 texts of none of the labels" in markdown(result)


@pytest.mark.parametrize("more", [[], ["--out", "nowhere/x.json"]])
def test_what_cannot_be_read_or_written_is_one_sentence(
    built: Path, tmp_path: Path, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    variants = built if more else tmp_path
    assert main(["generalization", "--variants", str(variants), *more]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize("content", [None, "{", "{}"])
def test_what_is_no_result_is_refused(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "result.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(BonsaiError, match=r"python -m models\.figures generalization"):
        read_generalization(file)
