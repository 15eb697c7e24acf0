"""Experiments change one revision at a time, and all processes see the same."""

import pytest

from service.store.definitions import Entry
from service.store.errors import Changed
from service.store.store import Store
from tests.service.store.processes import in_each, save_many


def test_a_change_is_a_revision_with_its_log_and_generation(store: Store) -> None:
    assert (store.experiments(), store.generation(), store.log("trial")) == ([], 0, [])
    assert store.save("trial", {"arms": ["ä", 0.5]}, "running", "created", actor="admin", expected=0) == 1
    assert (
        store.save("trial", {"arms": ["ä", 0.5]}, "tripped", "tripped", actor="guard", reason="slow", expected=1) == 2
    )
    assert store.save("trial", {"arms": []}, "running", "changed", actor="admin", detail={"arms": [1, 2]}) == 3
    assert store.save("another", {}, "paused", "created", actor="admin", expected=0) == 1
    another, trial = store.experiments()
    assert another[:6] == ("another", 1, 1, "paused", "", {})
    assert trial[:6] == ("trial", 3, 3, "running", "", {"arms": []})
    assert store.generation() == 4
    log = store.log("trial")
    assert [entry._replace(at=0) for entry in log] == [
        Entry(1, 0, "admin", "created", {}),
        Entry(2, 0, "guard", "tripped", {}),
        Entry(3, 0, "admin", "changed", {"arms": [1, 2]}),
    ]
    assert [entry.at for entry in log] == sorted(entry.at for entry in log)
    assert trial.changed_at == log[-1].at


def test_a_state_that_changes_leaves_the_definition_of_its_revision(store: Store) -> None:
    store.save("trial", {"a": 1}, "running", "created", actor="admin")
    store.save("trial", {"a": 1}, "paused", "paused", actor="admin", reason="lunch")
    (trial,) = store.experiments()
    assert (trial.revision, trial.since, trial.state, trial.reason) == (2, 1, "paused", "lunch")
    store.save("trial", {"a": 2}, "paused", "changed", actor="admin")
    assert store.experiments()[0].since == 3


@pytest.mark.parametrize(("expected", "seen"), [(0, None), (2, None), (None, 0), (1, 2)])
def test_a_change_of_something_else_than_was_read_is_refused_and_leaves_no_trace(
    store: Store, expected: int | None, seen: int | None
) -> None:
    store.save("trial", {}, "running", "created", actor="admin")
    with pytest.raises(Changed, match="trial"):
        store.save("trial", {"a": 1}, "ended", "ended", actor="admin", expected=expected, seen=seen)
    assert (store.generation(), len(store.log("trial")), store.experiments()[0].definition) == (1, 1, {})
    assert store.save("trial", {"a": 1}, "ended", "ended", actor="admin", expected=1, seen=1) == 2


def test_processes_never_save_the_same_revision(store: Store, url: str) -> None:
    found = in_each(save_many, *[(url, "trial", 15)] * 2)
    assert sorted(revision for saved, _ in found for revision in saved) == list(range(1, 31))
    assert [entry.revision for entry in store.log("trial")] == list(range(1, 31))
    assert store.generation() == 30


def test_the_secret_is_made_once(store: Store) -> None:
    assert store.secret() == store.secret()
    assert len(store.secret()) == 32
