import re

import numpy as np
import pytest

from models.prove.gate import Paired, judge
from models.prove.statistics import Labels
from models.prove.withheld import against_majority, lost_classes, verdict_of
from models.recipe.recipe import Gate
from models.runtime.card import Verdict

LABELS = ("late", "refund", "rare")
ALPHA = 0.05
DRAW = np.random.default_rng(0)


def rows(*counts: int) -> Labels:
    """Gold labels, so many of each class."""
    return np.repeat(np.arange(len(counts)), counts)


def wrong_on(gold: Labels, label: int, number: int) -> Labels:
    """Answers that are right but for so many rows of a class, which get the first label, or the second where that is
    the right one.
    """
    given = gold.copy()
    given[np.flatnonzero(gold == label)[:number]] = 1 if label == 0 else 0
    return given


def judged(gold: Labels, teacher: Labels, variant: Labels, trained_on: int = 0) -> Verdict:
    return verdict_of(gold, teacher, variant, LABELS, Gate(alpha=ALPHA), trained_on)


def test_a_faithful_variant_passes() -> None:
    gold = rows(600, 500, 60)
    found = judged(gold, wrong_on(gold, 0, 40), wrong_on(gold, 0, 42))
    assert (found.verdict, found.withheld, found.lost_classes) == ("passed", None, None)


@pytest.mark.parametrize("shares", [(0.25, 0.25, 0.25, 0.25), (0.5, 0.5), (0.98, 0.02)])
def test_answers_by_chance_are_not_better_than_the_majority_and_right_ones_are(shares: tuple[float, ...]) -> None:
    gold = DRAW.choice(len(shares), 2000, p=shares)
    labels = [str(number) for number in range(len(shares))]
    majority = int(np.bincount(gold).argmax())
    chance = against_majority(gold, DRAW.permutation(gold), labels, ALPHA)
    constant = against_majority(gold, np.full_like(gold, majority), labels, ALPHA)
    right = against_majority(gold, gold, labels, ALPHA)
    assert (chance.beaten, constant.beaten, right.beaten) == (False, False, True)
    assert constant.lead == 0
    assert {chance.label, constant.label, right.label} == {str(majority)}
    assert right.lead == pytest.approx(1 - right.share) == pytest.approx(1 - (gold == majority).mean())


def test_where_the_teacher_guesses_nothing_passes() -> None:
    gold = rows(1000, 1000, 1000)
    guess = DRAW.integers(3, size=3000)
    for variant in (guess, gold):
        found = judged(gold, guess, variant)
        assert judge(Paired(0, 0, 3000), Gate()).verdict == "passed"
        assert found.verdict == "undecided"
        assert found.withheld is not None
        assert found.withheld.startswith(
            "the teacher is not shown to be better than always answering 'late', which is right on 33.33 % of the "
            "test rows"
        )
        assert found.rows_to_decide == 0


def test_a_variant_at_the_majority_cannot_pass_even_within_the_margin() -> None:
    gold = rows(2950, 0, 50)
    teacher, variant = wrong_on(gold, 2, 25), wrong_on(gold, 2, 49)
    found = judged(gold, teacher, variant)
    assert judge(Paired(24, 0, 3000), Gate(max_drop=2.0)).verdict == "passed"
    assert found.verdict != "passed"
    assert "it is not shown to be better than always answering 'late'" in str(found.withheld)


@pytest.mark.parametrize(("count", "test"), [(2, 100), (20, 1000), (60, 3000), (200, 200_000)])
def test_a_class_that_is_never_named_is_lost_at_any_size(count: int, test: int) -> None:
    gold = rows(test // 2, test - test // 2 - count, count)
    found = judged(gold, gold, wrong_on(gold, 2, count))
    assert found.verdict != "passed"
    (lost,) = found.lost_classes or []
    assert (lost.label, lost.rows, lost.teacher, lost.variant, lost.named) == ("rare", count, count, 0, False)
    assert f"it lost the class 'rare' (0 of {count} rows right, the teacher {count}; it never gives this label)" in str(
        found.withheld
    )


@pytest.mark.parametrize(
    ("count", "kept", "lost"),
    [(40, 38, False), (40, 28, True), (4, 2, False), (1, 0, False), (400, 340, False), (400, 300, True)],
)
def test_a_class_is_lost_by_much_and_beyond_chance(count: int, kept: int, lost: bool) -> None:
    gold = rows(1000, 1000, count)
    variant = wrong_on(gold, 2, count - kept)
    variant[0] = 2  # it names the class at least
    assert [one.label for one in lost_classes(gold, gold, variant, LABELS, ALPHA)] == (["rare"] if lost else [])


def test_what_the_teacher_never_knew_is_not_lost() -> None:
    gold = rows(500, 500, 20)
    hopeless = wrong_on(gold, 2, 20)
    assert lost_classes(gold, hopeless, hopeless, LABELS, ALPHA) == []
    assert lost_classes(gold, hopeless, gold, LABELS, ALPHA) == []


def test_classes_change_by_chance_without_being_lost() -> None:
    labels = [str(number) for number in range(150)]
    found = 0
    for seed in range(40):
        draw = np.random.default_rng(seed)
        gold = rows(*[30] * 150)
        teacher, variant = (
            np.where(draw.random(len(gold)) < 0.07, draw.integers(150, size=len(gold)), gold) for _ in range(2)
        )
        found += bool(lost_classes(gold, teacher, variant, labels, ALPHA))
    assert found <= 4


@pytest.mark.parametrize(("trained_on", "held"), [(0, False), (7, False), (154, False), (155, True), (3080, True)])
def test_a_test_that_was_taught_proves_nothing(trained_on: int, held: bool) -> None:
    gold = rows(1540, 1500, 40)
    found = judged(gold, wrong_on(gold, 0, 100), wrong_on(gold, 0, 100), trained_on)
    assert found.verdict == ("undecided" if held else "passed")
    assert (
        f"{trained_on:,} of the 3,080 test texts are training or validation texts too, more than 5 %"
        in str(found.withheld)
    ) == held


@pytest.mark.parametrize(("trained_on", "restated", "held"), [(10, 144, False), (10, 145, True), (0, 3080, True)])
def test_what_was_taught_but_for_punctuation_was_taught(trained_on: int, restated: int, held: bool) -> None:
    gold = rows(1540, 1500, 40)
    given = wrong_on(gold, 0, 100)
    found = verdict_of(gold, given, given, LABELS, Gate(alpha=ALPHA), trained_on, restated=restated)
    assert found.verdict == ("undecided" if held else "passed")
    said = (
        f"{trained_on + restated:,} of the 3,080 test texts .* too \\({restated:,} of them but for case and punctuation"
    )
    assert bool(re.match(said, str(found.withheld))) == held


@pytest.mark.parametrize(("repeated", "held"), [(0, False), (1, False), (154, False), (155, True), (3072, True)])
def test_rows_of_few_texts_prove_nothing(repeated: int, held: bool) -> None:
    gold = rows(1540, 1500, 40)
    given = wrong_on(gold, 0, 100)
    found = verdict_of(gold, given, given, LABELS, Gate(alpha=ALPHA), 0, repeated=repeated)
    assert found.verdict == ("undecided" if held else "passed")
    assert found.withheld == (
        f"{repeated:,} of the 3,080 test rows repeat the text of another, more than 5 %, so that {3080 - repeated:,} "
        "rows alone prove something by themselves"
        if held
        else None
    )


def test_what_is_worse_stays_worse_and_says_what_else_is_wrong() -> None:
    gold = rows(1500, 1400, 100)
    found = judged(gold, gold, wrong_on(gold, 2, 100))
    assert found.verdict == "worse"
    assert (
        found.withheld == "it lost the class 'rare' (0 of 100 rows right, the teacher 100; it never gives this label)"
    )


def test_many_lost_classes_are_counted() -> None:
    gold, labels = rows(*[100] * 10), [str(number) for number in range(10)]
    found = verdict_of(gold, gold, np.where(gold < 2, gold, 0), labels, Gate(), 0)
    assert len(found.lost_classes or []) == 8
    assert found.withheld is not None
    assert found.withheld.startswith(
        "it lost the classes '2' (0 of 100 rows right, the teacher 100; it never gives this label), '3'"
    )
    assert found.withheld.endswith("and 5 more")
