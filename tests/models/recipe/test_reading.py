"""Whatever stands in a recipe's file is a recipe, or one sentence."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.recipe.reading import DEFAULT_RECIPE, load_recipe
from models.recipe.recipe import Recipe
from models.runtime.errors import BonsaiError

DEFAULT = DEFAULT_RECIPE.read_bytes()
YAML = st.text(alphabet="{}[]:,-?&*!|>'\"%@`# \n\t0123456789eE.xob_~aétrue", max_size=60).map(str.encode)
CUTS = st.tuples(
    st.integers(0, len(DEFAULT)), st.integers(0, 12), st.binary(max_size=6) | st.sampled_from([b"*a", b"&a ", b"1e400"])
)


@pytest.mark.parametrize(
    "content",
    [
        b"seed: 2024-13-45",
        b"seed: 0x",
        b"seed: 0b_",
        b"seed: 1:99",
        b"seed: .inf",
        b"seed: 1e400",
        b"seed: !!int a",
        b"seed: !!binary a",
        b"seed: !!timestamp a",
        b"&a [*a]",
        b"variants: &a {small: *a}",
        b"? [a]\n: b",
        b"? {a: b}\n: b",
        b"{a: " * 400 + b"}" * 400,
        b"\xff",
        b"\0",
        b"!!python/object/apply:os.system [ls]",
    ],
    ids=lambda content: content[:30].decode("latin-1"),
)
def test_what_no_recipe_holds_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_bytes(content)
    with pytest.raises(BonsaiError) as caught:
        load_recipe(file)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_keys_may_be_merged_and_what_is_missing_is_named(tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text("teacher: &t {epochs: 2}\nvariants: {a: [{quantize: {}}], b: [{distill: {<<: *t, layers: 1}}]}")
    assert load_recipe(file).variants["b"][0].epochs == 2
    file.write_text("variants: {a: {cascade: {small: teacher}}}")
    with pytest.raises(BonsaiError, match="variant 'a', cascade: 'large' is missing; expected small, large"):
        load_recipe(file)


def test_a_mapping_with_merged_keys_may_be_merged_itself(tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text(
        "variants: {a: [{distill: &d {<<: &s {epochs: 2, layers: 1}, epochs: 3}}], "
        "b: [{distill: {<<: *d, layers: 2}}]}\ngate: {<<: &g {alpha: 0.1}, max_drop: 2.0}"
    )
    recipe = load_recipe(file)
    assert [(one[0].epochs, one[0].layers) for one in recipe.variants.values()] == [(3, 1), (3, 2)]
    assert recipe.gate.alpha == 0.1


@pytest.mark.parametrize(
    ("written", "seed"), [("0", 0), ("-0", 0), ("10", 10), ("1_000", 1000), ("0x10", 16), ("+7", 7)]
)
def test_numbers_of_one_meaning_are_read(written: str, seed: int, tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text(f"seed: {written}\ngate: {{max_drop: 0.5, alpha: 5e-2}}")
    recipe = load_recipe(file)
    assert (recipe.seed, recipe.gate.max_drop, recipe.gate.alpha) == (seed, 0.5, 0.05)


@settings(max_examples=150, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=YAML | CUTS.map(lambda cut: DEFAULT[: cut[0]] + cut[2] + DEFAULT[cut[0] + cut[1] :]))
def test_whatever_is_written_is_a_recipe_or_one_sentence(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_bytes(content)
    try:
        assert isinstance(load_recipe(file), Recipe)
    except BonsaiError as refused:
        assert "\n" not in str(refused)
