"""Everything that changes an experiment, each a new revision in the log."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import ValidationError

from service.experiments.assignment import Assigner
from service.experiments.definition import Experiment, read_changes
from service.experiments.errors import Conflict, UnknownExperiment
from service.experiments.running import ENDED, PAUSED, RUNNING, TRIPPED, Standing, standing

if TYPE_CHECKING:
    from service.store.definitions import Entry, Stored
    from service.store.store import Store

MOST_REASON = 1000  # characters
MODELS = "models"  # of the log's detail: what a new build has replaced
MISSING = "missing"  # of the log's detail: arms that are no variants any more
COMMANDS = {"pause": PAUSED, "resume": RUNNING, "end": ENDED}


def create(store: "Store", experiment: Experiment, actor: str) -> Standing:
    """Start an experiment (Conflict where another one runs, or one of its name was there)."""
    seen = store.generation()
    there = {each.name: each for each in store.experiments()}
    if experiment.name in there:
        raise Conflict(
            f"there was an experiment '{experiment.name}' ({there[experiment.name].state}); expected another name: "
            "evidence belongs to one experiment for good"
        )
    _check_alone(store, experiment.name)
    revision = store.save(experiment.name, experiment.content(), RUNNING, "created", actor=actor, expected=0, seen=seen)
    return Standing(experiment, revision, RUNNING)


def change(store: "Store", name: str, given: object, actor: str, variants: Sequence[str]) -> Standing:
    """Change weights, shares, guardrails and the like (ExperimentError)."""
    now = find(store, name)
    if now.state == ENDED:
        raise Conflict(f"the experiment '{name}' has ended; expected one that has not")
    changed = read_changes(now.experiment, given, variants)
    old, new = now.experiment.content(), changed.content()
    keys = dict.fromkeys([*old, *new])
    detail = {key: [old.get(key), new.get(key)] for key in keys if old.get(key) != new.get(key)}
    if not detail:
        return now
    revision = store.save(
        name, new, now.state, "changed", actor=actor, reason=now.reason, detail=detail, expected=now.revision
    )
    return now._replace(experiment=changed, revision=revision)


def command(store: "Store", name: str, what: str, actor: str, reason: str = "") -> Standing:
    """Pause, resume or end an experiment; again is no change (ExperimentError)."""
    seen = store.generation() if what == "resume" else None  # what decides it is another one's state
    now, state = find(store, name), COMMANDS[what]
    if now.state == state:
        return now
    if now.state == ENDED:
        raise Conflict(f"the experiment '{name}' has ended; expected a new one, with another name")
    if what == "pause" and now.state == TRIPPED:
        raise Conflict(f"a guardrail of '{name}' has stopped it already; expected resume or end")
    if state == RUNNING:
        if why := left_alone(store.log(name)):
            raise Conflict(f"the experiment '{name}' cannot be resumed: {why}")
        _check_alone(store, name)
    done = {"pause": "paused", "resume": "resumed", "end": "ended"}[what]
    return move(store, now, state, done, actor, reason, seen)


def move(
    store: "Store", now: Standing, state: str, what: str, actor: str, reason: str, seen: int | None = None
) -> Standing:
    """Give an experiment another state (Changed where it is at another revision by now, or any is since `seen`)."""
    name, content = now.experiment.name, now.experiment.content()
    detail = {"reason": reason} if reason else None  # the log's own: the next change takes the experiment's away
    revision = store.save(
        name, content, state, what, actor=actor, reason=reason, detail=detail, expected=now.revision, seen=seen
    )
    return now._replace(revision=revision, state=state, reason=reason)


def replaced(store: "Store", now: Standing, actor: str, models: Mapping[str, Sequence[str]]) -> bool:
    """Note the models that arms had and have now, and tell whether there was anything to note: another machine may have
    done so (Changed where the experiment is at another revision by now).
    """
    name = now.experiment.name
    noted = {arm: both[-1] for entry in store.log(name) for arm, both in entry.detail.get(MODELS, {}).items()}
    new = {arm: list(both) for arm, both in models.items() if noted.get(arm) != both[-1]}
    if new:
        store.save(
            name, now.experiment.content(), now.state, "replaced", actor=actor, reason=now.reason,
            detail={MODELS: new}, expected=now.revision,
        )  # fmt: skip
    return bool(new)


def note_missing(store: "Store", name: str, actor: str, missing: Sequence[str]) -> None:
    """Note which arms of an experiment are no variants any more, where the log says otherwise (Changed where the
    experiment is at another revision by now).
    """
    now = find(store, name)
    if now.state != ENDED and list(missing) != _missing(store.log(name)):
        store.save(
            name, now.experiment.content(), now.state, "left alone" if missing else "taken up", actor=actor,
            reason=now.reason, detail={MISSING: list(missing)}, expected=now.revision,
        )  # fmt: skip


def left_alone(log: Sequence["Entry"]) -> str:
    """Return why nobody gets an experiment by its log, whatever its state, or nothing."""
    if not (missing := _missing(log)):
        return ""
    named = " and ".join(f"'{arm}'" for arm in missing)
    return f"it is left alone, for no variant {named} is there; expected a build that brings it back, or the end"


def _missing(log: Sequence["Entry"]) -> list[str]:
    return next((entry.detail[MISSING] for entry in reversed(log) if MISSING in entry.detail), [])


def forget(store: "Store", name: str, unit: str) -> int:
    """Remove the texts that were kept of a unit, as callers name it; return how many (UnknownExperiment)."""
    experiment = find(store, name).experiment
    named = {unit}
    if experiment.unit is not None and experiment.unit.field is None:  # UTF-8 in a header is read as Latin-1
        named.add(unit.encode("utf-8", "surrogatepass").decode("latin-1"))
    assigner = Assigner(experiment)
    return sum(store.delete_unit(name, assigner.assign(each).unit) for each in sorted(named))


def find(store: "Store", name: str) -> Standing:
    """Return an experiment (UnknownExperiment, Conflict for one of another version)."""
    there = {each.name: each for each in store.experiments()}
    if name not in there:
        raise UnknownExperiment(
            f"there is no experiment '{name[:64]}'; expected one of {', '.join(there) or 'none: there is none yet'}"
        )
    return known(there[name])


def known(stored: "Stored") -> Standing:
    """Return a stored experiment as it stands (Conflict for one that another version of the service defined)."""
    try:
        return standing(stored)
    except ValidationError:
        raise Conflict(
            f"the experiment '{stored.name}' was defined by another version of Bonsai; expected that one, or another "
            "name"
        ) from None


def _check_alone(store: "Store", name: str) -> None:
    others = [each.name for each in store.experiments() if each.state == RUNNING and each.name != name]
    if others:
        raise Conflict(
            f"the experiment '{others[0]}' runs on POST /predict; expected one at a time: end it or pause it first, "
            f"POST /experiments/{others[0]}/end"
        )
