import pytest

from models.data.dataset import load_dataset
from models.prove.perturbations import other_case, typos
from models.recipe.recipe import DatasetSource

TEXTS = load_dataset(DatasetSource()).test.texts


def test_typos_are_seeded_few_and_leave_something() -> None:
    changed = [typos(text, 1) for text in TEXTS]
    assert changed == [typos(text, 1) for text in TEXTS]
    assert changed != [typos(text, 2) for text in TEXTS]
    assert all(text.strip() for text in changed)
    assert sum(text != other for text, other in zip(TEXTS, changed, strict=True)) / len(TEXTS) > 0.5
    assert sum(abs(len(text) - len(other)) for text, other in zip(TEXTS, changed, strict=True)) < 0.05 * sum(
        map(len, TEXTS)
    )


@pytest.mark.parametrize("text", ["", "a", "123 ?!", "字 📦"])
def test_texts_that_leave_little_to_mistype(text: str) -> None:
    assert {bool(typos(text, seed).strip()) for seed in range(200)} == {bool(text)}


def test_other_case_changes_the_case_alone() -> None:
    changed = [other_case(text, 1) for text in TEXTS]
    assert [text.casefold() for text in changed] == [text.casefold() for text in TEXTS]
    assert changed != TEXTS
    assert changed == [other_case(text, 1) for text in TEXTS]
