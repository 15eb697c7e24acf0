"""Where a variant loses: its accuracy beside the teacher's, group by group of the test rows (classes, lengths)."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.prove.gate import pair
from models.prove.statistics import Labels, holm, mcnemar, tango


@dataclass(frozen=True)
class GroupDrop:
    """One group's accuracies and the drop between them, with its interval and McNemar's p, Holm-adjusted over the
    groups.
    """

    group: str
    rows: int
    teacher: float
    variant: float
    drop: float
    low: float
    high: float
    holm_p: float


def drops_by_group(
    groups: Sequence[str], gold: Labels, teacher: Labels, variant: Labels, alpha: float
) -> list[GroupDrop]:
    """Return the drop in every group, in the order in which the groups come up."""
    members: dict[str, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(group, []).append(row)
    counts = {group: pair(gold[rows], teacher[rows], variant[rows]) for group, rows in members.items()}
    adjusted = holm([mcnemar(count.lost, count.won) for count in counts.values()])
    made = []
    for (group, rows), holm_p in zip(members.items(), adjusted, strict=True):
        count = counts[group]
        low, high = tango(count.lost, count.won, count.rows, alpha)
        before, after = (float((given[rows] == gold[rows]).mean()) for given in (teacher, variant))
        made.append(
            GroupDrop(group, count.rows, before, after, (count.lost - count.won) / count.rows, low, high, holm_p)
        )
    return made


def worst(made: Sequence[GroupDrop], most: int) -> list[GroupDrop]:
    """Return the groups that lost, the largest drop first, and of equal drops the larger group."""
    return sorted(
        (delta for delta in made if delta.drop > 0), key=lambda delta: (-delta.drop, -delta.rows, delta.group)
    )[:most]


def length_buckets(texts: Sequence[str]) -> list[str]:
    """Return every text's length in words as a range that doubles: 1–4, 5–8, 9–16 and so on."""
    return [_bucket(len(text.split())) for text in texts]


def by_length(made: Sequence[GroupDrop]) -> list[GroupDrop]:
    """Return the length ranges, the shortest first."""
    return sorted(made, key=lambda delta: int(delta.group.split("–")[0]))


def _bucket(words: int) -> str:
    low, high = 1, 4
    while words > high:
        low, high = high + 1, 2 * high
    return f"{low}–{high}"
