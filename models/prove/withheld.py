"""What a variant may not pass with, however small its drop: no better than one label, a class that it lost, a test that
was taught or that asks one thing many times.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from models.prove.distributions import binomial_cdf
from models.prove.gate import judge, pair
from models.prove.statistics import Labels, holm, tango
from models.prove.wording import join, points, quoted
from models.recipe.recipe import Gate
from models.runtime.card import LostClass, Majority, Verdict

# A row that was trained on is right in teacher and variant alike: where they are a share s of the test, the drop over
# the other rows is 1 / (1 - s) of the measured one. At a twentieth a measured drop of 0.95 points is one of 1.00, which
# is as fine as a verdict at that margin can be read.
MOST_TRAINED_ON = 0.05
# Rows of one text are right or wrong together: where many are, an interval that takes each for a row of its own is too
# narrow.
MOST_REPEATED = 0.05
# of the rows of a class that the teacher has right; what a variant loses of a large class beyond chance may be a row in
# a hundred
LOST_SHARE = 0.2
# rows of a class that the teacher has right, so that never to give its label is a loss; one row is anybody's luck
NEVER_NAMED = 2
NAMED = 3  # classes in a sentence
RULE = (
    "for a variant that is not shown to be better than always answering the commonest label of the test rows, or "
    "whose teacher is not (Tango's interval "
    f"for paired rows); for one that lost a class; and where more than {100 * MOST_TRAINED_ON:g} % of the test texts "
    "are training or validation texts too, but for case and punctuation at the most, or "
    f"{100 * MOST_REPEATED:g} % of the test rows repeat the text of another. "
    f"A class is lost when its recall falls by {100 * LOST_SHARE:g} % of the teacher's or more, beyond chance (exact "
    "one-sided McNemar, Holm over the "
    f"classes), or when a variant never gives a label that the teacher gives rightly {NEVER_NAMED} times or more"
)


def verdict_of(
    gold: Labels,
    teacher: Labels,
    variant: Labels,
    labels: Sequence[str],
    gate: Gate,
    trained_on: int,
    *,
    restated: int = 0,
    repeated: int = 0,
) -> Verdict:
    """Judge a variant's drop, and let it not pass, whatever the drop, where there is a reason against it; then no
    number of rows would do. The last three are counts of test rows (models/data/overlap.py).
    """
    found = judge(pair(gold, teacher, variant), gate)
    first, second = (against_majority(gold, given, labels, gate.alpha) for given in (teacher, variant))
    lost = lost_classes(gold, teacher, variant, labels, gate.alpha)
    reasons = (*_guesses(first, second), *_losses(lost), *_doubts(len(gold), trained_on, restated, repeated))
    why = "; ".join(reasons)
    if not why:
        return found
    verdict = "undecided" if found.verdict == "passed" else found.verdict
    return found.model_copy(
        update={"verdict": verdict, "withheld": why, "lost_classes": lost or None, "rows_to_decide": 0}
    )


def against_majority(gold: Labels, given: Labels, labels: Sequence[str], alpha: float) -> Majority:
    """Hold a classifier against always answering the commonest label of the same rows: its lead, with Tango's interval
    for paired rows.
    """
    rows = np.bincount(gold, minlength=len(labels))
    commonest = int(rows.argmax())
    counts = pair(gold, given, np.full_like(gold, commonest))
    low, high = tango(counts.lost, counts.won, counts.rows, alpha)
    share, lead = float(rows[commonest] / len(gold)), (counts.lost - counts.won) / counts.rows
    return Majority(label=labels[commonest], share=share, lead=lead, low=low, high=high)


def lost_classes(
    gold: Labels, teacher: Labels, variant: Labels, labels: Sequence[str], alpha: float
) -> list[LostClass]:
    """Return the classes that a variant lost, those with most rows first.

    A class is lost whose recall falls by a fifth or more of the teacher's and beyond chance (exact one-sided McNemar on
    its rows, Holm over the classes of the test); and one of too few rows for a test, of which the teacher has at least
    two right while the variant gives its label to no row at all.
    """
    number = len(labels)
    right, also = teacher == gold, variant == gold
    rows, known, kept = (np.bincount(gold[chosen], minlength=number) for chosen in (np.ones_like(right), right, also))
    lost, won = np.bincount(gold[right & ~also], minlength=number), np.bincount(gold[~right & also], minlength=number)
    tested = np.flatnonzero(rows)
    chance = np.ones(number)
    fallen_by_chance = [
        binomial_cdf(gained, fallen + gained, 0.5)  # as likely as at least so many losses
        for fallen, gained in zip(lost[tested].tolist(), won[tested].tolist(), strict=True)
    ]
    chance[tested] = holm(fallen_by_chance)
    fallen = (chance < alpha) & (lost - won >= LOST_SHARE * known)
    never = (np.bincount(variant, minlength=number) == 0) & (known >= NEVER_NAMED)
    found = sorted(np.flatnonzero(fallen | never).tolist(), key=lambda place: (-rows[place], place))
    return [
        LostClass(
            label=labels[place],
            rows=int(rows[place]),
            teacher=int(known[place]),
            variant=int(kept[place]),
            named=bool((variant == place).any()),
        )
        for place in found
    ]


def _guesses(teacher: Majority, variant: Majority) -> Iterator[str]:
    if not teacher.beaten:
        yield f"the teacher is {not_better(teacher)}"
    elif not variant.beaten:
        yield f"it is {not_better(variant)}"


def _losses(lost: Sequence[LostClass]) -> Iterator[str]:
    if lost:
        yield f"it lost {lost_words(lost)}"


def _doubts(rows: int, trained_on: int, restated: int, repeated: int) -> Iterator[str]:
    """Say what keeps a test from proving anything of any variant."""
    if (taught := trained_on + restated) > MOST_TRAINED_ON * rows:
        alike = f" ({restated:,} of them but for case and punctuation)" if restated else ""
        yield (
            f"{taught:,} of the {rows:,} test texts are training or validation texts too{alike}, more than "
            f"{100 * MOST_TRAINED_ON:g} %, so that the test asks what was taught"
        )
    if repeated > MOST_REPEATED * rows:
        yield (
            f"{repeated:,} of the {rows:,} test rows repeat the text of another, more than {100 * MOST_REPEATED:g} %, "
            f"so that {rows - repeated:,} rows alone prove something by themselves"
        )


def not_better(found: Majority) -> str:
    """Say that a classifier's lead over the majority label may be chance, with its figures."""
    return (
        f"not shown to be better than always answering {quoted(found.label)}, which is right on "
        f"{100 * found.share:.2f} % of the test rows "
        f"(a lead of {points(found.lead)} points, interval {points(found.low)} to {points(found.high)})"
    )


def lost_words(lost: Sequence[LostClass]) -> str:
    """Name the classes that a variant lost, with how many rows of each are right."""
    said = [
        (
            f"{quoted(one.label)} ({one.variant} of {one.rows} rows right, the teacher "
            f"{one.teacher}{'' if one.named else '; it never gives this label'})"
        )
        for one in lost[:NAMED]
    ]
    more = [f"{len(lost) - NAMED} more"] if len(lost) > NAMED else []
    return ("the class " if len(lost) == 1 else "the classes ") + join([*said, *more])
