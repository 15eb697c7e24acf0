"""The thread of one worker that carries the jobs out, one after another, whether or not anybody watches."""

import fcntl
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from models.runtime.batching import read_measured
from models.runtime.card import Card
from models.runtime.errors import BonsaiError
from models.runtime.files import write_json
from models.runtime.store import Build, locked, read_build, stored
from service.builds.able import is_able, trained_anew
from service.builds.asked import TEACHER, Asked, MadeOf, cards, passes_of, read, recipe_with
from service.builds.errors import NotKept
from service.builds.goals import SLACK, Candidate, candidates, limit_ms
from service.builds.jobs import CANCELLED, FAILED, QUEUED, REFUSED, RUNNING, SERVING, Job, Jobs
from service.builds.process import BUILT, TOO_SLOW, WORSE, Ended, Progress, run
from service.builds.published import serving_generation
from service.builds.settings import Limits

POLL_S = 0.5
SAY_S = 0.5
FULL_S = 30.0  # until a folder that could not be written is tried again
CLOSING_S = 2.0
LOADED_S = 60.0  # for all workers to serve what was built
NOT_LOADED = (
    f"it was built, but {LOADED_S:.0f} s later a worker does not serve it; the service's log says why, and "
    "DELETE /variants/{name} takes it out of the build"
)
MOST_STARTS = 3  # of a job whose service dies
OUTCOMES = {BUILT: "serving", WORSE: "worse", TOO_SLOW: "too slow"}

logger = logging.getLogger("bentoml.bonsai")


Served = Callable[[int], bool]


def everywhere(generation: int) -> bool:
    """Tell of a service of which nobody knows what its workers serve that they do."""
    return True


class Runner:
    """Carries out the jobs of one folder; of several services over it, one at a time."""

    def __init__(self, out: Path, jobs: Jobs, limits: Limits, served: Served = everywhere) -> None:
        self._out, self._jobs, self._limits, self._served = out, jobs, limits, served
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="builds", daemon=True)
        self._turn: TextIO | None = None
        self._seen = -1

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End the build that runs; its job is queued again, for the next service to go on with."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(15)
        if self._turn is not None and not self._thread.is_alive():
            self._turn.close()  # the next one's

    def _run(self) -> None:
        while not self._closing.wait(POLL_S):
            try:
                if self._is_ours() and self._changed():
                    self._next()
            except NotKept as problem:  # the disk is full, say
                logger.warning("builds wait: %s", problem)
                self._closing.wait(FULL_S)
                with suppress(NotKept):
                    self._take_over()
            except Exception:  # the thread lives as long as the worker
                logger.exception("a build could not be carried out")

    def _is_ours(self) -> bool:
        """Become the one that carries out this folder's jobs, if nobody is."""
        if self._turn is not None or not self._jobs.folder.is_dir():
            return self._turn is not None
        with suppress(OSError):  # another service's turn, or nothing can be written here
            file = (self._jobs.folder / "turn").open("w")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.close()
                raise
            self._turn = file
            self._take_over()
            return True
        return False

    def _take_over(self) -> None:
        """Queue what a service that died was at work on."""
        for job in self._jobs.all():
            if job.state == RUNNING and (generation := serving_generation(self._out, job.name)) is not None:
                news = {"state": SERVING, "share": 1.0, "generation": generation, "ended_at": time.time()}
                self._jobs.write(job.model_copy(update=news))  # the service ended between building and saying so
            elif job.state == RUNNING and job.attempts >= MOST_STARTS:
                self._end(job, FAILED, f"the service ended {job.attempts} times while it was built; ask again")
            elif job.state == RUNNING:
                self._jobs.write(job.model_copy(update={"state": QUEUED, "reason": "the service was started again"}))

    def _changed(self) -> bool:
        """Tell whether anything has changed in the folder."""
        now = self._jobs.folder.stat().st_mtime_ns
        changed, self._seen = now != self._seen, now
        return changed

    def _next(self) -> None:
        for job in self._jobs.all():
            if job.state != QUEUED:
                continue
            self._seen = -1
            if not self._closing.is_set() and (begun := self._jobs.begin(job.id)) is not None:
                self._carry_out(begun)
                self._jobs.forget_old()

    def _carry_out(self, job: Job) -> None:
        try:
            Try(self._out, self._jobs, self._limits, self._closing, job, self._served).go()
        except BonsaiError as problem:
            self._end(self._jobs.find(job.id), FAILED, str(problem))
        except OSError as problem:
            self._end(self._jobs.find(job.id), FAILED, f"the build's files cannot be read or written ({problem})")
        except (KeyError, TypeError, ValueError) as problem:  # a folder of the store that somebody has changed by hand
            logger.exception("build %s", job.id)
            self._end(self._jobs.find(job.id), FAILED, f"what is served is damaged ({problem!r}); build it again")

    def _end(self, job: Job, state: str, reason: str) -> None:
        self._jobs.write(job.model_copy(update={"state": state, "reason": reason, "ended_at": time.time()}))


class Try:
    """One job at work: its tries, and what it says meanwhile."""

    def __init__(
        self, out: Path, jobs: Jobs, limits: Limits, closing: threading.Event, job: Job, served: Served
    ) -> None:
        self._out, self._jobs, self._limits, self._closing, self._job = out, jobs, limits, closing, job
        self._served = served
        self._asked = read(job.asked)
        self._since = time.monotonic()
        self._said = 0.0

    def go(self) -> None:
        """Try what is asked for until the variant is served, and write down how it ended (BonsaiError)."""
        build = read_build(self._out)
        known = cards(build)
        if self._asked.goal is None:
            under, tries = None, [Candidate(passes_of(self._asked, known), 0.0)]
        else:
            measured = {name: found for name in known if (found := read_measured(self._out / name)) is not None}
            under = limit_ms(self._asked.goal, measured)
            tries = candidates(stored(build.variants[TEACHER].tag), build, known, measured)
        for candidate in tries:
            if under is not None and not is_able(trained_anew(candidate.passes, known)):
                self._tried(candidate.passes, "not tried", "it is to be trained, and torch is not installed here", {})
                continue
            if under is not None and candidate.expected_ms > SLACK * under:
                self._tried(candidate.passes, "not tried", f"it is expected to take {candidate.expected_ms:.2f} ms", {})
                continue
            ended = self._build(build, known, candidate.passes, under)
            if ended is None or self._is_over(candidate.passes, ended, under):
                return
        self._say(REFUSED, self._best(under))

    def _build(self, build: Build, known: dict[str, Card], passes: MadeOf, under: float | None) -> Ended | None:
        work = self._jobs.work(self._job.id)
        teacher = stored(build.variants[TEACHER].tag)
        write_json(work.recipe, recipe_with(build, known, self._job.name, passes, teacher))
        if not self._wait_for_others():
            return None
        gate = "warn" if self._asked.force else "error"
        options = ["--add", self._job.name, "--gate", gate, *([] if under is None else ["--under-ms", f"{under:.6g}"])]
        return run(self._out, work, options, self._limits, self._watch, self._since)

    def _wait_for_others(self) -> bool:
        """Wait until nobody else writes to the build's folder; tell whether to go on then."""
        while True:
            try:
                with locked(self._out):
                    return True
            except BonsaiError:
                if not self._watch(Progress("wait for another build")):
                    self._stopped()
                    return False
                time.sleep(POLL_S)

    def _watch(self, progress: Progress) -> bool:
        """Write down how far it is, now and then; tell whether to go on."""
        if time.monotonic() - self._said > SAY_S:
            self._said = time.monotonic()
            news = {
                "step": progress.step,
                "share": progress.share,
                "lines": list(progress.lines),
                "figures": dict(progress.figures),
            }
            if self._job.state == RUNNING and any(getattr(self._job, key) != value for key, value in news.items()):
                self._job = self._jobs.write(self._job.model_copy(update=news))
            if self._job.state == RUNNING and progress.step.endswith("measure"):
                self._serving()
        if self._job.state == SERVING:  # what is left is the report
            return True
        return not (self._closing.is_set() or self._jobs.is_cancelled(self._job.id))

    def _serving(self) -> bool:
        generation = serving_generation(self._out, self._job.name)
        if generation is not None:
            until = time.monotonic() + LOADED_S
            while not (is_served := self._served(generation)) and time.monotonic() < until:
                if self._closing.wait(0.1):
                    return True  # the next service finds it in the build
            if is_served:
                self._say(SERVING, "", generation=generation, share=1.0)
            else:
                self._say(FAILED, NOT_LOADED.format(name=self._job.name), generation=generation)
        return generation is not None

    def _is_over(self, passes: MadeOf, ended: Ended, under: float | None) -> bool:
        """Write down how a try ended; tell whether the job is over with it."""
        last = ended.progress
        self._job = self._job.model_copy(update={"lines": list(last.lines), "figures": dict(last.figures)})
        if self._job.state == SERVING or self._serving():  # whatever came after
            return True
        # Whoever ends a whole service may end its build first.
        if (ended.code < 0 and self._closing.wait(CLOSING_S) and self._stopped()) or self._stopped():
            return True
        if ended.reason and ended.code not in OUTCOMES:
            self._say(FAILED, ended.reason)
            return True
        self._tried(passes, OUTCOMES.get(ended.code, "failed"), ended.reason, dict(last.figures))
        if under is None:
            self._say(REFUSED if ended.code in OUTCOMES else FAILED, ended.reason)
        return under is None

    def _stopped(self) -> bool:
        if self._jobs.is_cancelled(self._job.id):
            self._say(CANCELLED, "it was cancelled; its finished steps are kept until another build")
            return True
        if self._closing.is_set():  # no fault of the job's
            self._job = self._jobs.write(
                self._job.model_copy(update={"state": QUEUED, "attempts": self._job.attempts - 1})
            )
            return True
        return False

    def _tried(self, passes: MadeOf, outcome: str, reason: str, figures: dict[str, Any]) -> None:
        entry = {"passes": passes, "outcome": outcome, "reason": reason, "figures": figures}
        self._job = self._job.model_copy(update={"tried": [*self._job.tried, entry]})

    def _best(self, under: float | None) -> str:
        """Say what came nearest to a goal."""
        limit = "" if under is None else f" less than {under:.3g} ms a text"
        built = [one for one in self._job.tried if "measured" in one["figures"]]
        if not built:
            return (
                f"nothing that passes the gate takes{limit}: {self._job.tried[0]['reason']}, the fastest that was tried"
            )
        best = min(built, key=lambda one: one["figures"]["measured"]["p50_ms"])
        names = " + ".join(next(iter(entry)) for entry in best["passes"])
        return (
            f"nothing that passes the gate takes{limit}; the best is {names} with "
            f"{best['figures']['measured']['p50_ms']:.3g} ms: ask for it by its passes, or for another goal"
        )

    def _say(self, state: str, reason: str, **news: Any) -> None:
        update = {"state": state, "reason": reason, "ended_at": time.time(), **news}
        self._job = self._jobs.write(self._job.model_copy(update=update))
        logger.log(
            logging.INFO if state == SERVING else logging.WARNING, "build %s: %s %s", self._job.id, state, reason
        )


def check_asked(out: Path, given: Any) -> Asked:
    """Return what is asked for if a build can be made of it now (BuildError, BonsaiError)."""
    asked = read(given)
    build = read_build(out)
    known = cards(build)
    if asked.goal is None:
        recipe_with(build, known, asked.name, passes_of(asked, known), stored(build.variants[TEACHER].tag))
    else:
        recipe_with(build, known, asked.name, [{"quantize": {}}], stored(build.variants[TEACHER].tag))
        limit_ms(asked.goal, {name: found for name in known if (found := read_measured(out / name)) is not None})
    return asked
