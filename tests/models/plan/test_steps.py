import os
from pathlib import Path

import pytest

from models.plan.steps import Steps, step_key
from models.runtime.files import publish


def fill(text: str):  # type: ignore[no-untyped-def]
    return lambda folder: (folder / "file").write_text(text)


def test_keys_depend_on_every_part_and_on_nothing_else() -> None:
    assert step_key("a", {"x": 1, "y": 2}) == step_key("a", {"y": 2, "x": 1})
    assert len({step_key("a", 1), step_key("a", 2), step_key("b", 1), step_key("a"), step_key("a", "1")}) == 5


def test_a_step_is_done_once(tmp_path: Path) -> None:
    first = Steps(tmp_path / "steps").once("key", fill("first"))
    assert Steps(tmp_path / "steps").once("key", fill("second")) == first
    assert (first / "file").read_text() == "first"


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, MemoryError])
def test_an_interrupted_step_leaves_nothing_and_a_killed_one_a_draft_that_the_next_build_removes(
    tmp_path: Path, interruption: type[BaseException]
) -> None:
    def stop(folder: Path) -> None:
        (folder / "file").write_text("half")
        raise interruption

    with pytest.raises(interruption):
        Steps(tmp_path).once("key", stop)
    assert list(tmp_path.iterdir()) == []
    stop_at = tmp_path / ".draft-key"
    stop_at.mkdir()
    steps = Steps(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert (steps.once("key", fill("whole")) / "file").read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_keep_only(tmp_path: Path) -> None:
    steps = Steps(tmp_path)
    for key in ("a", "b", "c"):
        steps.once(key, fill(key))
    steps.keep_only({"b", "never made"})
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_of_what_is_not_needed_the_oldest_goes_until_it_is_little_enough(tmp_path: Path) -> None:
    steps = Steps(tmp_path)
    for age, key in enumerate(("young", "older", "oldest", "needed")):
        os.utime(steps.once(key, fill("x" * 100)), (0, 1000 - age))
    for most, left in ((300, 3), (299, 2), (100, 1), (99, 0)):
        steps.keep_only({"needed"}, most)
        assert {path.name for path in tmp_path.iterdir()} == {"needed", *("young", "older", "oldest")[:left]}


def test_publish_replaces_the_whole_folder(tmp_path: Path) -> None:
    draft, target = tmp_path / ".draft-x", tmp_path / "x"
    for folder, name in ((draft, "new"), (target, "old"), (tmp_path / ".draft-old-x", "left by a crash")):
        folder.mkdir()
        (folder / name).write_text(name)
    publish(draft, target)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert [path.name for path in target.iterdir()] == ["new"]
