"""What experiments need is not unloaded, whichever worker is asked: by the store and by the file that starts read."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from models.runtime.store import read_build
from service.builds.builds import Builds
from service.builds.errors import Conflict
from service.experiments import changes
from service.experiments.definition import read
from service.experiments.experiments import Experiments, Kept
from service.experiments.watch import Watch, prepare
from service.routes.builds import unload_variant
from service.routes.exchange import Request, Service
from service.store.errors import StoreError
from service.store.store import Store
from service.variants.registry import Registry
from tests.service.builds.conftest import copied as copied  # a fixture

KEY = "a-key-of-the-tests-0123"
ARMS = [{"variant": "teacher", "weight": 0.5}, {"variant": "pruned", "weight": 0.5}]


class Site:
    """A service over a build and a store, as one of its workers sees them."""

    def __init__(self, out: Path, folder: Path) -> None:
        self.out, self.file, self.url = out, folder / "experiments.yaml", f"sqlite:///{folder / 'lab.sqlite'}"
        self.store = Store(self.url)
        names = list(read_build(out).variants)
        prepare(self.store, None, names)
        watch = Watch(self.store, cast(Any, None), "teacher", names, file=self.file)
        watch.refresh()
        experiments, builds = Experiments("teacher"), Builds()
        experiments.keep(Kept(self.store, cast(Any, None), watch, cast(Any, None), cast(Any, None), KEY))
        builds.keep(out, leads=False)
        self._service = Service(Registry({}), cast(Any, None), experiments, builds=builds)

    def unload(self, name: str) -> None:
        headers = {b"authorization": f"Bearer {KEY}"}
        request = Request("DELETE", headers, b"", "id", time.monotonic(), time.monotonic() + 10)
        asyncio.run(unload_variant(request, self._service, name))


@pytest.fixture
def site(copied: Path, tmp_path: Path) -> Iterator[Site]:
    site = Site(copied, tmp_path)
    yield site
    site.store.close()


def test_an_experiment_that_another_worker_has_just_begun_keeps_its_arms(site: Site) -> None:
    other = Store(site.url)
    changes.create(other, read({"name": "new", "control": "teacher", "arms": ARMS}), "admin")
    with pytest.raises(Conflict, match="an arm of the experiment 'new'"):
        site.unload("pruned")
    changes.command(other, "new", "end", "admin", "")
    other.close()
    site.unload("pruned")
    assert "pruned" not in read_build(site.out).variants


def test_while_the_store_is_away_nothing_is_unloaded(site: Site, tmp_path: Path) -> None:
    for file in tmp_path.glob("lab.sqlite*"):
        file.unlink()
    with pytest.raises(StoreError):
        site.unload("pruned")
    assert "pruned" in read_build(site.out).variants


def test_what_the_file_of_experiments_names_stays_until_it_does_no_longer(site: Site) -> None:
    site.file.write_text(f"name: later\ncontrol: teacher\narms: {ARMS}\n")
    with pytest.raises(Conflict, match="an arm of the experiment 'later' in the file BONSAI_EXPERIMENTS"):
        site.unload("pruned")
    site.file.write_text("")
    site.unload("pruned")
    assert "pruned" not in read_build(site.out).variants
