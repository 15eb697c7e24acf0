from pathlib import Path

from models.bench.comparison import ratio, read_result
from models.figures.quantization import markdown, pairs, table

PUBLISHED = Path(__file__).parents[3] / "models" / "results" / "published" / "banking77.json"


def test_each_variant_of_fewer_bits_stands_under_its_own() -> None:
    result = read_result(PUBLISHED)
    found = pairs(result)
    assert found["int8"] == "teacher"
    assert found["distilled_int8"] == "distilled"
    drawn = table(result)
    assert [row[0] for row in drawn.rows] == [name for pair in found.items() for name in reversed(pair)]
    for before, after in zip(drawn.rows[::2], drawn.rows[1::2], strict=True):
        assert float(after[1]) < float(before[1])  # MB
        assert after[-2].startswith(f"{ratio(result, after[0], 'mean_ms', before[0]).value:.2f} [")
    assert result["conditions"]["dataset"]["sha256"][:12] in markdown(result)


def test_a_name_that_only_ends_like_one_is_no_pair() -> None:
    assert pairs({"rows": {"teacher": {}, "tiny_int8": {}, "int8": {}}}) == {"int8": "teacher"}
