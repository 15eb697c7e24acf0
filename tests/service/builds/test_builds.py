"""What of a service decides whether a variant is built or unloaded there: what it serves, and what its disk has."""

from pathlib import Path
from typing import Any

import pytest
from pytest import MonkeyPatch

from models.runtime.store import read_build
from service.builds.asked import cards
from service.builds.builds import Builds
from service.builds.errors import Conflict, NoRoom, NotAccepted
from service.builds.jobs import Jobs

INT8: list[dict[str, Any]] = [{"quantize": {"embeddings": False}}]


def keeping(out: Path, only: tuple[str, ...] = ()) -> Builds:
    builds = Builds()
    builds.keep(out, leads=False, only=only)
    return builds


def test_where_a_part_is_served_nothing_is_built_that_is_not(copied: Path) -> None:
    with pytest.raises(Conflict, match=r"'b' would be built and not served.*BONSAI_ONLY, which names teacher, int8"):
        keeping(copied, ("teacher", "int8")).ask({"name": "b", "passes": INT8})
    assert Jobs(copied).all() == []
    assert keeping(copied, ("teacher", "b")).ask({"name": "b", "passes": INT8}).name == "b"


def test_what_the_next_start_asks_for_is_not_unloaded(copied: Path) -> None:
    with pytest.raises(Conflict, match="'pruned' is named by BONSAI_ONLY"):
        keeping(copied, ("teacher", "pruned")).unload("pruned")
    assert "pruned" in read_build(copied).variants
    assert keeping(copied, ("teacher",)).unload("pruned")


def test_of_an_onnx_teacher_no_training_is_asked_for(copied: Path, monkeypatch: MonkeyPatch) -> None:
    known = cards(read_build(copied))
    known["teacher"] = known["teacher"].model_copy(update={"libraries": {"onnxruntime": "1"}})
    monkeypatch.setattr("service.builds.builds.cards", lambda build: known)
    builds = keeping(copied)
    with pytest.raises(NotAccepted, match=r"the teacher is an ONNX graph.*expected trim or quantize alone"):
        builds.ask({"name": "b", "passes": [{"distill": {"layers": 3}}, {"quantize": {}}]})
    assert builds.ask({"name": "b", "passes": INT8}).name == "b"
    assert builds.ask({"name": "c", "goal": {"under_ms": 1000.0}}).name == "c"


def test_without_room_nothing_is_queued(copied: Path, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setenv("BONSAI_BUILD_DISK_MB", "999999999")
    with pytest.raises(NoRoom, match=r"MiB free; expected .* \(BONSAI_BUILD_DISK_MB\)") as refused:
        keeping(copied).ask({"name": "b", "passes": INT8})
    assert len(str(refused.value)) < 300 + len(str(copied))
    assert not Jobs(copied).folder.exists()
    monkeypatch.setenv("BONSAI_BUILD_DISK_MB", "0")
    assert keeping(copied).ask({"name": "b", "passes": INT8})
