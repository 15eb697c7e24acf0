"""One job at work: the passes that are tried, one after another, and what is said of them meanwhile."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from models.runtime.errors import BonsaiError
from models.runtime.files import write_json
from models.runtime.store import BUSY, Build, locked, read_build, stored
from service.builds.asked import TEACHER, MadeOf, cards, passes_of, read, recipe_with
from service.builds.goals import NOT_TRIED, candidates, limit_ms, measured_here, ruled_out, unmet
from service.builds.jobs import CANCELLED, FAILED, QUEUED, REFUSED, RUNNING, SERVING, Job, Jobs
from service.builds.process import BUILT, CRASHED, REPAIRABLE, TOO_SLOW, WORSE, Ended, Progress, run
from service.builds.published import serving_generation
from service.builds.room import check_room
from service.builds.settings import Limits

POLL_S = 0.5
SAY_S = 0.5
CLOSING_S = 2.0
LOADED_S = 120.0  # for all workers to serve what was built
NOT_LOADED = (
    f"it was built, but {LOADED_S:.0f} s later a worker does not serve it; the service's log says why, and "
    "DELETE /variants/{name} takes it out of the build"
)
TAKEN_AWAY = "it was built, and taken out of the build again before it was served"
OUTCOMES = {BUILT: "serving", WORSE: "worse", TOO_SLOW: "too slow"}
NOT_MADE = (REPAIRABLE, CRASHED)  # after which other passes may be made

logger = logging.getLogger("bentoml.bonsai")

Served = Callable[[str, int], bool]


def everywhere(name: str, generation: int) -> bool:
    """Tell of a service of which nobody knows what its workers serve that they do."""
    return True


class Attempt:
    """A job's tries, the present one's clock, and the job as it was written down last."""

    def __init__(
        self, out: Path, jobs: Jobs, limits: Limits, closing: threading.Event, job: Job, served: Served
    ) -> None:
        self._out, self._jobs, self._limits, self._closing, self._job = out, jobs, limits, closing, job
        self._served = served
        self._asked = read(job.asked)
        self._spent = 0.0  # seconds of building, without those that others were waited for
        self._said = 0.0

    def go(self) -> None:
        """Try what is asked for until the variant is served, and write down how it ended (BonsaiError)."""
        build = read_build(self._out)
        known = cards(build)
        if self._asked.goal is None:
            passes = passes_of(self._asked, known)
            ended = self._build(passes, None)
            if ended is not None and not self._is_over(ended):
                self._note(passes, ended)
                self._say(REFUSED if ended.code in OUTCOMES else FAILED, ended.reason or TAKEN_AWAY)
            return
        measured = measured_here(self._out, known)
        under = limit_ms(self._asked.goal, measured)
        for candidate in candidates(stored(build.variants[TEACHER].tag), build, known, measured):
            if reason := ruled_out(candidate, under, known):
                self._tried(candidate.passes, NOT_TRIED, reason, {})
                continue
            ended = self._build(candidate.passes, under)
            if ended is None or self._is_over(ended):
                return
            if ended.code not in OUTCOMES and ended.code not in NOT_MADE:  # its time or its memory is over, say
                self._say(FAILED, ended.reason)
                return
            self._note(candidate.passes, ended)
        outcomes = {one["outcome"] for one in self._job.tried}
        none_made = FAILED in outcomes and outcomes <= {FAILED, NOT_TRIED}
        self._say(FAILED if none_made else REFUSED, unmet(self._job.tried, under))

    def _build(self, passes: MadeOf, under: float | None) -> Ended | None:
        """Build once nobody else does, on what they have left; None where the job is over instead (BonsaiError)."""
        work = self._jobs.work(self._job.id)
        gate = "warn" if self._asked.force else "error"
        options = ["--add", self._job.name, "--gate", gate, *([] if under is None else ["--under-ms", f"{under:.6g}"])]
        while self._wait_for_others():
            build = read_build(self._out)
            known = cards(build)
            check_room(self._out, known[TEACHER], self._limits)
            teacher = stored(build.variants[TEACHER].tag)
            write_json(work.recipe, recipe_with(build, known, self._job.name, passes, teacher))
            since = time.monotonic() - self._spent
            ended = run(self._out, work, options, self._limits, self._watch, since)
            self._spent = time.monotonic() - since
            if not self._was_overtaken(ended, build):
                return ended
        return None

    def _was_overtaken(self, ended: Ended, build: Build) -> bool:
        """Tell whether a build could not be made because somebody else's came between."""
        if ended.code != REPAIRABLE:
            return False
        now = read_build(self._out)
        return BUSY in ended.reason or (now != build and self._job.name not in now.variants)

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
                self.serving()
        if self._job.state == SERVING:  # what is left is the report
            return True
        return not (self._closing.is_set() or self._jobs.is_cancelled(self._job.id))

    def serving(self) -> bool:
        """Write down that the variant is served, or that it is not though it was built; false where it is not built."""
        generation = serving_generation(self._out, self._job.name)
        if generation is not None:
            until = time.monotonic() + LOADED_S
            while not (is_served := self._served(self._job.name, generation)) and time.monotonic() < until:
                if self._closing.wait(0.1):
                    return True  # the next service finds it in the build
            if is_served:
                self._say(SERVING, "", generation=generation, share=1.0)
            else:
                self._say(FAILED, NOT_LOADED.format(name=self._job.name), generation=generation)
        return generation is not None

    def _is_over(self, ended: Ended) -> bool:
        """Write down what a try said last; tell whether the job is over with it, for it is served or shall end."""
        last = ended.progress
        self._job = self._job.model_copy(update={"lines": list(last.lines), "figures": dict(last.figures)})
        if self._job.state == SERVING or self.serving():  # whatever came after
            return True
        # Whoever ends a whole service may end its build first.
        return (ended.code < 0 and self._closing.wait(CLOSING_S) and self._stopped()) or self._stopped()

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

    def _note(self, passes: MadeOf, ended: Ended) -> None:
        self._tried(passes, OUTCOMES.get(ended.code, FAILED), ended.reason, dict(ended.progress.figures))

    def _tried(self, passes: MadeOf, outcome: str, reason: str, figures: dict[str, Any]) -> None:
        entry = {"passes": passes, "outcome": outcome, "reason": reason, "figures": figures}
        self._job = self._job.model_copy(update={"tried": [*self._job.tried, entry]})

    def _say(self, state: str, reason: str, **news: Any) -> None:
        update = {"state": state, "reason": reason, "ended_at": time.time(), **news}
        self._job = self._jobs.write(self._job.model_copy(update=update))
        logger.log(
            logging.INFO if state == SERVING else logging.WARNING, "build %s: %s %s", self._job.id, state, reason
        )
