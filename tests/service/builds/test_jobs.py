"""Jobs as files: queued in order, bounded, cancelled, found again; and no way from a name to another file."""

from pathlib import Path

import pytest

from service.builds.errors import Conflict, Full, NotKept, UnknownBuild
from service.builds.jobs import CANCELLED, FAILED, KEPT, MOST_QUEUED, QUEUED, RUNNING, Job, Jobs


def test_jobs_are_found_again_in_their_order(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    made = [jobs.create(f"v{number}", {"name": f"v{number}"}) for number in range(3)]
    assert [job.id for job in made] == ["1-v0", "2-v1", "3-v2"]
    assert Jobs(tmp_path).all() == made
    assert Jobs(tmp_path).find("2-v1") == made[1]


def test_the_queue_is_bounded_and_a_running_one_does_not_count(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    first = jobs.create("first", {})
    jobs.write(first.model_copy(update={"state": RUNNING}))
    for number in range(MOST_QUEUED):
        jobs.create(f"v{number}", {})
    with pytest.raises(Full, match="8 builds wait"):
        jobs.create("more", {})


def test_a_name_that_waits_is_a_conflict_until_it_is_over(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    job = jobs.create("twice", {})
    with pytest.raises(Conflict, match="waits or runs already"):
        jobs.create("twice", {})
    jobs.write(job.model_copy(update={"state": FAILED}))
    assert jobs.create("twice", {}).id == "2-twice"


@pytest.mark.parametrize("id", ["", "1", "1-x", "../build", "1-../../build", "1-x/y", "x-1", "²-x", "1-" + "a" * 90])
def test_an_unknown_job_is_said(tmp_path: Path, id: str) -> None:
    (tmp_path / "build.json").write_text("{}")
    with pytest.raises(UnknownBuild, match="there is no build"):
        Jobs(tmp_path).find(id)


def test_one_that_is_over_cannot_be_cancelled(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    job = jobs.create("a", {})
    assert jobs.begin(job.id) is not None
    assert not jobs.is_cancelled(job.id)
    jobs.cancel(job.id)
    assert jobs.is_cancelled(job.id)
    jobs.write(job.model_copy(update={"state": FAILED}))
    with pytest.raises(Conflict, match="is over"):
        jobs.cancel(job.id)


def test_old_ones_are_forgotten_with_their_files_and_their_numbers_go_on(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    jobs.create("a", {})
    for number in range(2, KEPT + 12):
        jobs.write(Job(id=f"{number}-b", name="b", asked={}, state=FAILED, created_at=0.0))
    jobs.work("5-b").log.write_text("said")
    jobs.forget_old()
    assert len(jobs.all()) == KEPT + 1  # the one that waits stays, however old
    assert not jobs.work("5-b").log.exists()
    assert jobs.create("c", {}).id == f"{KEPT + 12}-c"


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / ".jobs").write_text("a file")  # root may write to every folder
    with pytest.raises(NotKept, match="cannot be written") as problem:
        Jobs(tmp_path).create("a", {})
    assert len(str(problem.value)) < 300


def test_a_file_of_another_version_is_passed_over(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    job = jobs.create("a", {})
    (jobs.folder / "7-b.json").write_text("{")
    assert jobs.all() == [job]


def test_one_that_waits_is_cancelled_at_once_and_leaves_its_place(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    waiting = [jobs.create(f"a{number}", {}) for number in range(MOST_QUEUED)]
    assert jobs.cancel(waiting[0].id).state == CANCELLED
    assert jobs.begin(waiting[0].id) is None
    assert jobs.find(waiting[0].id).reason == "it was cancelled before it began"
    assert jobs.create("a0", {}).state == QUEUED
