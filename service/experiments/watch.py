"""The thread of a worker that keeps up with the store: what runs, whether a guardrail is broken, and when it ends."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from models.runtime.regular import open_regular
from service.evidence.decision import Decision
from service.experiments import changes
from service.experiments.companion import END_S, Companion
from service.experiments.definition import CHANGEABLE, Experiment, read_yaml
from service.experiments.errors import ExperimentError, Invalid
from service.experiments.guardrails import breach, stop_reason
from service.experiments.losses import Losses
from service.experiments.report import decisions
from service.experiments.running import ENDED, RUNNING, TRIPPED, Running, Standing, standing
from service.store.definitions import Stored
from service.store.errors import StoreError
from service.store.store import KEEP_DAYS, Store
from service.store.writer import Writer

RECORDER, SHADOWING = "service.experiments.recorder", "service.experiments.shadowing"
POLL_S = 0.4  # a change reaches every worker within a second
JUDGE_S = 1.0
DECIDE_S = 5.0
EXPIRE_S = 3600.0
LINGER_S = 2.0  # other workers learn later that an experiment runs no more, and hand on what they answered until then
SERVICE = "service"  # the actor of what nobody asked for

logger = logging.getLogger("bentoml.bonsai")


class Watch:
    """Knows what runs; `leads` says that this worker also judges guardrails, and keeps the processes that write
    answers down and run shadows, with these arguments.
    """

    def __init__(
        self,
        store: Store,
        writer: Writer,
        default: str,
        variants: Sequence[str],
        *,
        leads: bool = False,
        recorder: Sequence[str] = (),
        shadows: Callable[[Mapping[str, Path]], Sequence[str]] = lambda folders: (),
        folders: Mapping[str, Path] | None = None,
        file: Path | None = None,
        keep_days: float = KEEP_DAYS,
    ) -> None:
        self._store, self._default, self._variants = store, default, list(variants)
        self._losses = Losses(writer)
        self._leads, self._file, self._keep_days = leads, file, keep_days
        self._recorder, self._shadows = Companion(RECORDER), Companion(SHADOWING)
        self._for_recorder, self._for_shadows, self._folders = recorder, shadows, folders or {}
        self.running, self.problem = Running(default), ""
        self._generation, self._prepared, self._judged, self._expired = -1, False, 0.0, 0.0
        self._asked, self._ran = 0.0, float("-inf")
        self._end = threading.Event()
        self._lock = threading.Lock()
        self._stored: list[Stored] = []
        self._replaced: dict[str, list[str]] = {}  # models of its arms, before and now
        self._missing: dict[str, list[str]] = {}  # arms that are no variants, of each experiment that has not ended
        self._noted: dict[str, list[str]] = {}  # the same, as it was written into the log
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Read what runs, once here, so that a worker is not ready before it knows, and then for ever."""
        self._turn()
        self._thread = threading.Thread(target=self._run, name="experiments", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(END_S)  # or it would start anew what ends here
        self._shadows.end()  # first: its rows go to the other one
        self._recorder.end()

    def refresh(self) -> None:
        """Learn at once what this worker has changed itself (StoreError)."""
        with self._lock:
            self._read()

    def begun_anew(self, variant: str) -> str | None:
        """Return the name of an experiment with this arm in the file that the next start reads, as it is now; one that
        cannot be read names none.
        """
        with suppress(Invalid):
            for experiment in read_file(self._file, None) if self._file is not None else ():
                if variant in [arm.variant for arm in experiment.arms]:
                    return experiment.name
        return None

    def follow(self, variants: Sequence[str], folders: Mapping[str, Path]) -> None:
        """Send callers to these variants alone from now on, whether or not the store answers."""
        with self._lock:
            for arm in self.running.live.experiment.arms if self._leads and self.running.live else ():
                old, new = self._folders.get(arm.variant), folders.get(arm.variant)
                if old is not None and new is not None and old.name != new.name:  # they are called by their versions
                    self._replaced[arm.variant] = [self._replaced.get(arm.variant, [old.name])[0], new.name]
            self._folders = folders
            self._variants = list(variants)
            if self.running.secret:
                self._understand(self.running.secret)

    def _run(self) -> None:
        while not self._end.wait(POLL_S):
            self._turn()

    def _turn(self) -> None:
        try:
            if self._leads and not self._prepared:
                self._prepare()
            self.refresh()
            if self._replaced:
                self._write_replaced()
            if self._leads and self._missing != self._noted:
                self._write_missing()
            if self._leads and time.monotonic() - self._judged >= JUDGE_S:
                self._judged = time.monotonic()
                self._judge()
            if self._leads and time.monotonic() - self._expired >= EXPIRE_S:
                self._expired = time.monotonic()
                self._store.expire(time.time(), self._keep_days)
            self._say("")
        except (StoreError, ExperimentError) as problem:
            self._say(str(problem))
        except Exception:  # whatever it is, the next turn is another
            logger.exception("the watch over experiments failed; it goes on")
        try:
            self._losses.tell()
            if self._leads:
                self._keep_companions()
        except Exception:  # a process that cannot be begun for want of memory, which may be there later
            logger.exception("what the watch over experiments keeps failed; it goes on")

    def _prepare(self) -> None:
        """Do what could not be done at the start; a file that contradicts the store is said once and left alone."""
        try:
            prepare(self._store, self._file, self._variants)
        except ExperimentError as problem:
            logger.error("%s", problem)
        self._prepared = True

    def _keep_companions(self) -> None:
        live, now = self.running.live, time.monotonic()
        runs = live is not None and live.state == RUNNING
        shadowed = runs and live is not None and live.experiment.shadows
        self._shadows.keep(self._for_shadows(self._folders) if shadowed else None, now)
        self._ran = now if runs or self._shadows.lives else self._ran  # whose rows it writes too
        self._recorder.keep(self._for_recorder if now - self._ran < LINGER_S else None, now)

    def _say(self, problem: str) -> None:
        if problem and problem != self.problem:
            logger.warning("experiments stand as they are, predictions go on: %s", problem)
        if self.problem and not problem:
            logger.info("the experiments' store is back")
        self.problem = problem

    def _read(self) -> None:
        generation = self._store.generation()
        if generation != self._generation or not self.running.secret:
            self._stored = list(self._store.experiments())
            self._understand(self._store.secret())
            self._generation = generation

    def _understand(self, secret: bytes) -> None:
        self._missing = {}
        standings = [each for stored in self._stored if (each := self._understood(stored)) is not None]
        self.running = Running(self._default, standings, secret)

    def _understood(self, stored: Stored) -> Standing | None:
        """Return an experiment that this service can run: its arms are here, and it is not of another version."""
        try:
            found = standing(stored)
        except ValidationError:
            logger.warning("the experiment '%s' was defined by another version and is left alone", stored.name)
            return None
        missing = [arm.variant for arm in found.experiment.arms if arm.variant not in self._variants]
        if found.state != ENDED:
            self._missing[stored.name] = missing
        if missing and found.state != ENDED:
            logger.warning("the experiment '%s' is left alone: no variant '%s' is here", stored.name, missing[0])
            return found._replace(state=ENDED)
        return found

    def _write_replaced(self) -> None:
        """Write into the log that a new build has brought other models for arms: what was counted is of both."""
        with self._lock:
            live, replaced = self.running.live, dict(self._replaced)
        if live is not None and changes.replaced(self._store, live, SERVICE, replaced):
            logger.warning(
                "the experiment '%s' goes on with other models of %s than it began with",
                live.experiment.name, " and ".join(f"'{arm}'" for arm in replaced),
            )  # fmt: skip
        with self._lock:
            self._replaced = {arm: models for arm, models in self._replaced.items() if replaced.get(arm) != models}
        self.refresh()

    def _write_missing(self) -> None:
        """Write into the log that an experiment is left alone, or no longer: reports know no variants. Only what has
        changed here is written: two machines of different builds would otherwise contradict each other for ever.
        """
        with self._lock:
            missing = dict(self._missing)
        for name, arms in missing.items():
            if self._noted.get(name) != arms:
                changes.note_missing(self._store, name, SERVICE, arms)
        self._noted = missing
        self.refresh()

    def _judge(self) -> None:
        live = self.running.live
        if live is None or live.state != RUNNING:
            return
        broken = breach(self._store, live)
        reason = broken or stop_reason(self._store, live) or self._decided(live)
        state, what = (TRIPPED, "tripped") if broken else (ENDED, "ended")
        if reason:
            changes.move(self._store, live, state, what, SERVICE, reason)
            logger.warning("experiment '%s': %s", live.experiment.name, reason)
            self.refresh()

    def _decided(self, live: Standing) -> str:
        """Return that all is decided, where that ends the experiment; looked at less often, for it takes longest."""
        if not live.experiment.stop.when_decided or time.monotonic() - self._asked < DECIDE_S:
            return ""
        self._asked = time.monotonic()
        found = decisions(self._store, live.experiment.name)
        if not set(found.values()) <= {Decision.SHIP, Decision.DO_NOT}:
            return ""
        said = ", ".join(f"'{arm}': {decision.replace('_', ' ')}" for arm, decision in found.items())
        return f"the rule 'stop.when_decided' is met: {said}"


def prepare(store: Store, file: Path | None, variants: list[str]) -> None:
    """Bring the store to this schema, and begin or change what a YAML file names (StoreError, ExperimentError)."""
    store.migrate()
    if file is None:
        return
    there = {each.name: each for each in store.experiments()}
    asked = read_file(file, variants)
    if len(new := [experiment.name for experiment in asked if experiment.name not in there]) > 1:
        raise Invalid(f"'{file}': {' and '.join(new[:8])} would begin together; expected one new experiment at a time")
    for experiment in asked:
        if experiment.name not in there:
            changes.create(store, experiment, str(file.name))
            continue
        now = changes.known(there[experiment.name])
        if now.state != ENDED and now.experiment != experiment:
            content = experiment.model_dump(mode="json")  # with what it no longer names
            kept = {key: value for key, value in content.items() if key in CHANGEABLE}
            fixed = [key for key in content if key not in kept]
            if any(getattr(now.experiment, key) != getattr(experiment, key) for key in fixed):
                raise Invalid(
                    f"'{file}': the experiment '{experiment.name}' has another definition already; expected a new name"
                )
            by = [line.actor for line in store.log(experiment.name) if line.what in ("created", "changed")]
            if by and by[-1] != file.name:  # each worker that takes another's place comes by here
                logger.warning(
                    "the experiment '%s' was changed by '%s' since; what '%s' says of it is left alone",
                    experiment.name, by[-1], file,
                )  # fmt: skip
                continue
            changes.change(store, experiment.name, kept, str(file.name), variants)


def read_file(file: Path, variants: list[str] | None) -> list[Experiment]:
    """Read the file of BONSAI_EXPERIMENTS; with the variants that arms may name, where it matters (Invalid)."""
    try:
        with open_regular(file) as opened:
            text = opened.read().decode()
        return read_yaml(text, str(file), variants)
    except OSError as error:
        raise Invalid(f"BONSAI_EXPERIMENTS is '{file}', which cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise Invalid(f"BONSAI_EXPERIMENTS is '{file}', which is not UTF-8; expected YAML") from None
