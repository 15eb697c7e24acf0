"""What a report asks."""

import math
import random

import pytest

from service.store.rows import Shadow
from service.store.store import Store
from tests.service.store.made import AT, served, shadow, truth

MINUTE = int(AT // 60)


def test_sums_are_by_revision_arm_and_span_of_time(store: Store) -> None:
    rows = [
        served(number, revision=1 + number % 2, arm=("teacher", "nano")[number // 2 % 2], at=AT + 60 * number)
        for number in range(40)
    ]
    store.write(rows)
    assert [(row.revision, row.arm, row.requests) for row in store.totals("trial")] == [
        (1, "nano", 10),
        (1, "teacher", 10),
        (2, "nano", 10),
        (2, "teacher", 10),
    ]
    assert {row.revision for row in store.totals("trial", since=2)} == {2}
    for buckets in (1, 3, 7, 40, 1000):
        spans = store.totals("trial", buckets=buckets)
        assert sum(row.requests for row in spans) == 40
        assert len({row.minute for row in spans}) <= buckets
        assert max(row.minute for row in spans) == MINUTE + 39
    assert len(store.totals("trial", buckets=1000)) == 40
    assert store.totals("nothing") == []


def test_sums_of_shadow_pairs_are_by_the_arm_that_answered_and_the_arm_unseen(store: Store) -> None:
    store.write(
        shadows=[
            shadow(1, label="other"),
            shadow(2),
            shadow(2, arm="int8", at=AT + 600),
            shadow(3, served="nano", arm="teacher", served_label="other"),
        ]
    )
    rows = [(row.served, row.arm, row.pairs, row.differing) for row in store.shadow_totals("trial")]
    assert rows == [("nano", "teacher", 1, 1), ("teacher", "int8", 1, 0), ("teacher", "nano", 2, 1)]
    assert [row.minute for row in store.shadow_totals("trial", buckets=9)] == [MINUTE + 1, MINUTE + 10, MINUTE + 1]
    assert store.shadow_totals("trial", since=2) == []


@pytest.mark.parametrize("first", ["feedback", "shadow"])
def test_labelled_pairs_are_found_whichever_came_first(store: Store, first: str) -> None:
    shadows = [shadow(1), shadow(2, label="other"), shadow(3, label="other"), shadow(4), shadow(2, arm="int8")]
    truths = [truth(1), truth(2), truth(3, truth="other"), truth(4, truth="third"), truth(5), truth(6, override=True)]
    if first == "feedback":
        store.write(truths=truths)
        store.write(shadows=[*shadows, shadow(6)])
    else:
        store.write(shadows=[*shadows, shadow(6)])
        store.write(truths=truths)
    pairs = {(row.served, row.arm, row.served_right, row.arm_right): row.n for row in store.pairs("trial")}
    assert pairs == {
        ("teacher", "nano", True, True): 1,
        ("teacher", "nano", True, False): 1,
        ("teacher", "nano", False, True): 1,
        ("teacher", "nano", False, False): 1,
        ("teacher", "int8", True, True): 1,
    }
    assert {row.minute for row in store.pairs("trial")} == {MINUTE + 1}
    assert store.pairs("trial", since=2) == store.pairs("other") == []


def test_pairs_of_many_labels_are_what_python_counts(store: Store) -> None:
    chance = random.Random(1)
    labels = ["a", "b"]
    shadows: list[Shadow] = []
    truths = []
    for number in range(3000):
        answer, unseen, right = (chance.choice(labels) for _ in range(3))
        shadows.append(shadow(number, served_label=answer, label=unseen))
        truths.append(truth(number, label=answer, truth=right))
    store.write(shadows=shadows, truths=truths)
    both = sum(unseen.label != given.truth == given.label for unseen, given in zip(shadows, truths, strict=True))
    assert sum(row.n for row in store.pairs("trial") if row.served_right and not row.arm_right) == both
    assert sum(row.n for row in store.pairs("trial")) == 3000


def test_labels_come_in_the_order_of_their_commits(store: Store) -> None:
    numbers = list(range(1200))
    random.Random(2).shuffle(numbers)
    for start in range(0, 1200, 400):
        before = store.outcomes("trial")
        store.write(
            truths=[
                truth(
                    number,
                    arm=("teacher", "nano")[number % 2],
                    truth="refund" if number % 3 else "other",
                    metric=float(number) if number % 5 else None,
                    override=number % 7 == 0,
                )
                for number in numbers[start : start + 400]
            ]
        )
        now = store.outcomes("trial")
        assert now.arm[: len(before.arm)] == before.arm  # what a look saw stays a beginning of what the next one sees
        assert now.right[: len(before.right)] == before.right
    shown = [number for number in numbers if number % 7]
    assert list(now.at) == [AT + number + 60 for number in shown]
    assert now.arm == [("teacher", "nano")[number % 2] for number in shown]
    assert list(now.right) == [int(number % 3 > 0) for number in shown]
    assert [math.isnan(value) for value in now.metric] == [number % 5 == 0 for number in shown]
    assert set(now.revision) == {1}
    assert len(store.outcomes("trial", since=2).arm) == 0
