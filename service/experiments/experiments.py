"""Experiments as routes know them: what runs, where answers are written down, and whether there are any at all."""

import random
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from service.experiments.errors import Off
from service.experiments.recording import Answered
from service.experiments.records import Records
from service.experiments.running import Running
from service.experiments.shadow import Row, Shadow, Work, lose
from service.store.rows import Outcome, Served, Truth

if TYPE_CHECKING:  # a service without experiments needs no database's library
    from service.experiments.watch import Watch
    from service.store.store import Store
    from service.store.writer import Writer

MOST_SHADOWED = 64  # texts of a request


class Kept(NamedTuple):
    """What keeps experiments."""

    store: "Store"
    writer: "Writer"
    watch: "Watch"
    records: Records
    shadow: Shadow
    admin_key: str


class Experiments:
    """Those of one worker; until `keep` there are none, and one variant answers POST /predict."""

    def __init__(self, default: str = "") -> None:
        self._none = Running(default)
        self._kept: Kept | None = None

    def keep(self, kept: Kept) -> None:
        """Keep experiments from now on."""
        self._kept = kept

    @property
    def is_kept(self) -> bool:
        """Whether there can be experiments."""
        return self._kept is not None

    @property
    def running(self) -> Running:
        """What runs now."""
        return self._kept.watch.running if self._kept is not None else self._none

    @property
    def kept(self) -> Kept:
        """What keeps them (Off)."""
        if self._kept is None:
            raise Off(
                "this service keeps no experiments; start it with BONSAI_ADMIN_KEY, a secret of yours, in its "
                "environment, or with a key of the role admin in BONSAI_KEYS"
            )
        return self._kept

    @property
    def store(self) -> "Store":
        """Where they are stored (Off)."""
        return self.kept.store

    @property
    def admin_key(self) -> str:
        """What whoever changes them has to show; empty where nobody may."""
        return self._kept.admin_key if self._kept is not None else ""

    def record(self, rows: Sequence[Served]) -> None:
        """Write a request down, soon; what does not fit is counted as lost."""
        self.kept.records.offer(rows)

    def shadow(self, answered: Answered) -> None:
        """Let the other arms answer the control's share of requests that the experiment asks for."""
        assigned, standing = answered.assigned, answered.assigned.standing
        if standing is None or not standing.experiment.shadows or assigned.override:
            return
        experiment = standing.experiment
        if assigned.variant != experiment.control or random.random() >= experiment.shadow:
            return
        shadow = self.kept.shadow
        if shadow.is_full:
            shadow.drop(len(answered.texts), len(experiment.arms) - 1)
            return
        arms = [arm.variant for arm in experiment.others]
        rows = [
            Row(noted.id, text, prediction.label, prediction.top[0][1])
            for noted, text, prediction in islice(
                zip(answered.rows, answered.texts, answered.predictions, strict=True), MOST_SHADOWED
            )
        ]
        if len(answered.texts) > MOST_SHADOWED:
            lose(len(answered.texts) - MOST_SHADOWED, len(arms))
        first = answered.rows[0]
        shadow.offer(Work(first.experiment, first.revision, first.arm, first.version, arms, first.at, rows))

    def give(self, truths: list[Truth]) -> "Future[list[Outcome]]":
        """Store feedback; the outcome is there once it is committed (Off, StoreError)."""
        return self.kept.writer.give(truths)

    def latest(self) -> Running:
        """Return what runs by the store: another worker may have begun something a moment ago (StoreError)."""
        if self._kept is not None:
            self.refresh()
        return self.running

    def begun_anew(self, variant: str) -> str | None:
        """Return the name of an experiment with this arm that the next start would read in the file of experiments."""
        return self._kept.watch.begun_anew(variant) if self._kept is not None else None

    def refresh(self) -> None:
        """Learn what was just changed (StoreError)."""
        self.kept.watch.refresh()

    def follow(self, variants: Sequence[str], folders: Mapping[str, Path]) -> None:
        """Send callers to these variants alone from now on."""
        if self._kept is not None:
            self._kept.watch.follow(variants, folders)

    def close(self) -> None:
        """Write what is left, and end."""
        if self._kept is not None:
            self._kept.records.close()
            self._kept.shadow.close()
            self._kept.watch.close()
            self._kept.writer.close(5.0)
