from copy import deepcopy
from pathlib import Path

from models.bench.comparison import read_result
from models.figures.chain import markdown, table

PUBLISHED = Path(__file__).parents[3] / "models" / "results" / "published" / "banking77.json"
STORED = {"sparsity": 0.9, "sparsity_by_layer": [0.9], "bytes_sparse": 6_000_000, "bytes_compressed": 4_000_000}


def test_variants_with_zeros_stand_beside_the_teacher_with_what_is_left_of_its_bytes() -> None:
    result = deepcopy(read_result(PUBLISHED))
    result["rows"]["int8"]["stored"] = STORED
    whole = result["rows"]["teacher"]["bytes"]
    drawn = table(result)
    assert [row[0] for row in drawn.rows] == ["teacher", "int8"]
    assert drawn.rows[1][-4:] == ["90.0 %", "6.0", "4.0", f"{whole / 4e6:.1f}"]
    assert result["conditions"]["dataset"]["sha256"][:12] in markdown(result)
