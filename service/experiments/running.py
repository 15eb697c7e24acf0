"""What runs now, as one worker knows it; every worker of every machine comes to know the same within a second."""

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from service.experiments.assignment import Assigner
from service.experiments.definition import OVERRIDE, Experiment
from service.experiments.errors import Invalid, Late, NotAllowed, UnknownArm, UnknownExperiment
from service.experiments.ids import Prediction, Signer, read
from service.store.rows import Truth

if TYPE_CHECKING:
    from service.store.definitions import Stored

RUNNING, PAUSED, TRIPPED, ENDED = STATES = ("running", "paused", "tripped", "ended")
DAY_S = 86_400.0
KNOWN = 65_536  # units of which a worker remembers the arm
LONGEST_KNOWN = 128  # characters of them
LONGEST = 1024  # bytes of any unit: DELETE names it in a path, and what was kept of it has to be removable
EARLY_S = 60.0  # by how much the clocks of two machines may differ


class Standing(NamedTuple):
    """An experiment at its present revision."""

    experiment: Experiment
    revision: int
    state: str
    reason: str = ""
    changed_at: float = 0.0


class Assigned(NamedTuple):
    """Which variant answers a request; `standing` is None where nothing is recorded of it, and `unit` is empty where
    the request is a unit of its own. `signer` is there where `standing` is.
    """

    variant: str
    standing: Standing | None = None
    unit: str = ""
    override: bool = False
    signer: Signer | None = None


class Running:
    """The experiments by name, and the one that POST /predict is under."""

    def __init__(self, default: str, standings: Iterable[Standing] = (), secret: bytes = b"") -> None:
        """`default` answers where there is no experiment."""
        self.default, self.secret = default, secret
        self._to_nobody = Assigned(default)
        self._ids = set[str]()  # that callers gave
        self.by_name = {standing.experiment.name: standing for standing in standings}
        self.live = self._live()
        unit = self.live.experiment.unit if self.live else None
        self.shadows = self.live is not None and self.live.experiment.shadows
        self.field = unit.field if unit else None
        self._header = unit.header.lower().encode() if unit and unit.header else None
        self._cookie = unit.cookie if unit else None
        if self.live is not None:  # who comes again is not worked out again
            self._assigner = Assigner(self.live.experiment)
            self._signers = {
                (arm.variant, override): _signer(self.live, arm.variant, override, secret)
                for arm in self.live.experiment.arms
                for override in (False, True)
            }
            self._known = lru_cache(KNOWN)(self._assign)
            self._to_all = self._assigned_to_all(self.live)
        # What the front has to keep of a request's headers.
        self.headers = frozenset(
            (OVERRIDE.encode(), *([self._header] if self._header else []), *([b"cookie"] if self._cookie else []))
        )

    def _live(self) -> Standing | None:
        """Return the experiment that runs, or the last one that stands still, whose control then answers."""
        standing = [each for each in self.by_name.values() if each.state != ENDED]
        return max(standing, key=lambda each: (each.state == RUNNING, each.changed_at), default=None)

    def _assigned_to_all(self, live: Standing) -> Assigned | None:
        """Return what every request is assigned that is a unit of its own, where a hash would change nothing."""
        control = live.experiment.control
        if live.experiment.splits or live.experiment.traffic < 1:
            return None
        return Assigned(control, live, signer=self._signers[control, False])

    def assign(self, headers: Mapping[bytes, str], field: str | None, request_id: str) -> Assigned:
        """Return who answers a request (NotAllowed, or UnknownArm, for an override)."""
        live, wanted = self.live, headers.get(OVERRIDE.encode())
        if wanted:  # a proxy may send the header empty
            return self._override(wanted, self._unit(headers, field))
        if live is None:
            return self._to_nobody
        experiment = live.experiment
        if live.state != RUNNING:
            return Assigned(experiment.control)
        given = self._unit(headers, field)
        if given:
            return self._known(given) if len(given) <= LONGEST_KNOWN else self._assign(self._checked(given))
        # A caller's own id, which may be many requests': from the second on they are one unit.
        is_unit = headers.get(b"x-request-id") == request_id and self._has_come(request_id)
        return self._to_all if self._to_all is not None and not is_unit else self._assign(request_id, is_unit)

    def _has_come(self, request_id: str) -> bool:
        if request_id in self._ids:
            return True
        if len(self._ids) >= KNOWN:
            self._ids.clear()
        self._ids.add(request_id)
        return False

    def _assign(self, unit: str, is_stored: bool = True) -> Assigned:
        variant, arm, stored = self._assigner.assign(unit)
        stored = stored if is_stored else ""
        if not arm:
            return Assigned(variant, None, stored)
        return Assigned(variant, self.live, stored, False, self._signers[variant, False])

    def _override(self, wanted: str, given: str | None) -> Assigned:
        live = self.live
        if live is None or not live.experiment.override:
            raise NotAllowed(
                "X-Bonsai-Variant is not allowed here; expected an experiment with 'override': true, or POST "
                "/{variant}/predict"
            )
        if live.state != RUNNING:  # the control answers everybody: a guardrail may have stopped the arm
            return Assigned(live.experiment.control)
        if wanted not in (arms := [arm.variant for arm in live.experiment.arms]):
            raise UnknownArm(f"X-Bonsai-Variant is '{wanted[:64]}'; expected one of {', '.join(arms)}")
        unit = self._assigner.assign(self._checked(given)).unit if given else ""  # by which its texts are found again
        return Assigned(wanted, live, unit, True, self._signers[wanted, True])

    def _unit(self, headers: Mapping[bytes, str], field: str | None) -> str | None:
        if self._header is not None:
            return headers.get(self._header)
        if self._cookie is not None:
            pairs = (pair.strip().partition("=") for pair in headers.get(b"cookie", "").split(";"))
            return next((value for name, _, value in pairs if name == self._cookie), None)
        return field

    def _checked(self, unit: str) -> str:
        # Of a header each character is a byte.
        length = len(unit) if self.field is None else len(unit.encode("utf-8", "surrogatepass"))
        if length > LONGEST:
            raise Invalid(f"the unit of the experiment has {length:,} bytes; expected at most {LONGEST:,}")
        return unit

    def read_truth(self, given: str, label: str, value: float | None, now: float, labels: Collection[str]) -> Truth:
        """Return what feedback says of a prediction (Invalid, UnknownExperiment, Late)."""
        prediction = read(given, self.secret)
        standing = self.by_name.get(prediction.experiment)
        if standing is None:
            raise UnknownExperiment(
                f"the prediction belongs to the experiment '{prediction.experiment}'; expected one of "
                f"{', '.join(self.by_name) or 'none: there is no experiment'}"
            )
        self._check(standing.experiment, prediction, label, value, now, labels)
        return Truth(
            prediction.key, prediction.experiment, prediction.revision, prediction.arm, prediction.label, label, value,
            now, float(prediction.at), prediction.override,
        )  # fmt: skip

    def _check(
        self,
        experiment: Experiment,
        prediction: Prediction,
        label: str,
        value: float | None,
        now: float,
        labels: Collection[str],
    ) -> None:
        age = now - prediction.at
        if age > experiment.window_days * DAY_S:
            raise Late(
                f"the prediction is {age / DAY_S:.1f} days old; expected feedback within {experiment.window_days:g}"
            )
        if age < -EARLY_S:
            raise Invalid(f"the prediction is of {-age:.0f} s from now; expected clocks that agree")
        if label not in labels:
            shown = ", ".join(islice(labels, 8)) + (", …" if len(labels) > 8 else "")
            raise Invalid(f"the label is '{label[:64]}'; expected one of {shown}")
        metric = experiment.metric
        if value is None:
            return
        if metric is None:
            raise Invalid(f"'value' is {value:g}, and the experiment '{experiment.name}' has no metric")
        if not metric.low <= value <= metric.high:
            raise Invalid(
                f"'value' is {value:.12g}; expected {metric.low:.12g} to {metric.high:.12g}, as the metric is defined"
            )


def _signer(live: Standing, variant: str, override: bool, secret: bytes) -> Signer:
    return Signer(live.experiment.name, live.revision, variant, override, secret)


def standing(stored: "Stored") -> Standing:
    """Return a stored experiment as it stands (ValidationError for one of another version of the service)."""
    definition = Experiment.model_validate(stored.definition)
    return Standing(definition, stored.revision, stored.state, stored.reason, stored.changed_at)
