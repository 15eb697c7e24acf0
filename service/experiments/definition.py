"""What an experiment is: its arms and their weights, who is in it, and what ends it. Strict, as a recipe is."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.runtime.yaml_text import load_yaml
from service.experiments.errors import Conflict, Invalid
from service.experiments.printable import printable

NAME = r"^[a-z][a-z0-9_-]{0,63}$"
TOKEN = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$"  # a header's or a cookie's name (RFC 9110)
FIELD = r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$"
MOST_ARMS = 16
CHANGEABLE = ("arms", "traffic", "shadow", "guardrails", "stop", "window_days", "override", "keep_texts_days")
RESERVED_FIELDS = ("texts", "top_k")
OVERRIDE = "x-bonsai-variant"  # the header by which a caller chooses its arm

LEAST_LEVEL, LEAST_MARGIN = 1e-6, 1e-6  # of alpha, and of a margin in points: floats can still tell them from 0
EXACT = 1e-9  # sums of weights that differ by less are what binary makes of 1
ROUNDED = 1e-5  # by how much weights that were written with six digits may miss 1
LEAST_SHARE = 1e-4  # of the units: they fall into 10,000 buckets
MOST_VALUE = 1e15  # of a metric: sums of squares are kept
Share = Annotated[float, Field(ge=LEAST_SHARE, le=1)]


class Strict(BaseModel):
    """Nothing unknown, nothing converted, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Arm(Strict):
    """A variant and the share of the units that it answers."""

    variant: str
    weight: Annotated[float, Field(ge=0, le=1)]


class Unit(Strict):
    """Where a request says to whom it belongs: one of the three."""

    header: Annotated[str, Field(pattern=TOKEN)] | None = None
    field: Annotated[str, Field(pattern=FIELD)] | None = None
    cookie: Annotated[str, Field(pattern=TOKEN)] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(place is not None for place in (self.header, self.field, self.cookie)) != 1:
            raise ValueError("'unit' names one place; expected one of header, field and cookie, or null")
        if self.field in RESERVED_FIELDS:
            raise ValueError(f"'unit.field' is '{self.field}', which the body holds already; expected another name")
        if self.header is not None and self.header.lower() == OVERRIDE:
            raise ValueError(f"'unit.header' is '{self.header}', which names the arm to take; expected another name")
        return self


class Metric(Strict):
    """A number of the caller's that comes with feedback, within bounds; with a `margin`, in its own unit, an arm has to
    be proven not worse than that.
    """

    name: Annotated[str, Field(pattern=FIELD)]
    low: Annotated[float, Field(ge=-MOST_VALUE)] = 0.0
    high: Annotated[float, Field(le=MOST_VALUE)] = 1.0
    better: Literal["higher", "lower"] = "higher"
    margin: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _has_room(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"'metric' reaches from {self.low:g} to {self.high:g}; expected 'low' below 'high'")
        if self.margin is not None and self.margin >= self.high - self.low:
            raise ValueError(f"'metric.margin' is {self.margin:g}; expected less than the metric can differ at all")
        return self


Count = Annotated[int, Field(ge=1, le=2**53)]  # what JSON holds exactly


class Most(Strict):
    """A value that must not be passed, judged once there are `minimum` requests."""

    most: Annotated[float, Field(gt=0)]
    minimum: Count = 200


class Least(Strict):
    """A share that must be reached, judged once there are `minimum` pairs."""

    least: Share
    minimum: Count = 200


class Guardrails(Strict):
    """What returns all traffic to the control when an arm breaks it: the share of failed requests, its mean latency as
    a multiple of the control's, and the share of equal labels beside the control.
    """

    error_rate: Most | None = None
    latency: Most | None = None
    agreement: Least | None = None


class Stop(Strict):
    """When an experiment ends by itself."""

    labels: Count | None = None
    days: Annotated[float, Field(gt=0, le=3650)] | None = None
    when_decided: bool = False


class Experiment(Strict):
    """One experiment on POST /predict; `margin` is in points of accuracy, and weights are shares."""

    name: Annotated[str, Field(pattern=NAME)]
    salt: Annotated[str, Field(max_length=128)] = ""
    control: str
    arms: Annotated[tuple[Arm, ...], Field(min_length=2, max_length=MOST_ARMS, strict=False)]
    unit: Unit | None = None
    traffic: Share = 1.0
    mode: Literal["split", "shadow", "both"] = "split"
    shadow: Share = 1.0
    margin: Annotated[float, Field(ge=LEAST_MARGIN, lt=100)] = 1.0
    alpha: Annotated[float, Field(ge=LEAST_LEVEL, le=0.5)] = 0.05
    metric: Metric | None = None
    guardrails: Guardrails = Guardrails()
    stop: Stop = Stop()
    window_days: Annotated[float, Field(gt=0, le=3650)] = 7.0
    override: bool = False
    keep_texts_days: Annotated[float, Field(gt=0, le=3650)] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        names = [arm.variant for arm in self.arms]
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise ValueError(f"the arm '{twice[0][:64]}' is there twice; expected each variant once")
        if self.control not in names:
            raise ValueError(f"'control' is '{self.control[:64]}'; expected one of the arms, {', '.join(names)}")
        total = sum(arm.weight for arm in self.arms)
        if self.mode != "shadow" and abs(total - 1) > ROUNDED:
            raise ValueError(f"the weights of the arms sum to {total:.12g}; expected 1")
        few = [arm for arm in self.arms if arm.weight < LEAST_SHARE]
        if self.mode != "shadow" and few:
            raise ValueError(
                f"the weight of the arm '{few[0].variant[:64]}' is {few[0].weight:g}; expected at least "
                f"{LEAST_SHARE:g}, or no such arm"
            )
        errors = self.guardrails.error_rate
        if errors is not None and errors.most >= 1:
            raise ValueError(
                f"'guardrails.error_rate.most' is {errors.most:g}, a share that none passes; expected less than 1"
            )
        if self.guardrails.agreement is not None and self.mode == "split":
            raise ValueError("'guardrails.agreement' needs pairs of answers; expected 'mode' shadow or both with it")
        if self.guardrails.error_rate is not None and self.mode == "shadow":
            raise ValueError(
                "'guardrails.error_rate' needs callers who get an arm's answer; expected 'mode' split or both with it"
            )
        if self.metric is not None and self.mode == "shadow":
            raise ValueError("'metric' needs callers who get an arm's answer; expected 'mode' split or both with it")
        return self

    @property
    def seed(self) -> str:
        """What the assignment is made from, beside the unit: experiments of one salt assign alike."""
        return self.salt or self.name

    @property
    def others(self) -> list[Arm]:
        """The arms that are compared with the control."""
        return [arm for arm in self.arms if arm.variant != self.control]

    @property
    def splits(self) -> bool:
        """Whether callers get different variants."""
        return self.mode != "shadow"

    @property
    def shadows(self) -> bool:
        """Whether requests run on other arms too, unseen."""
        return self.mode != "split"

    @property
    def level(self) -> float:
        """The alpha of each thing that is said of each arm: labels of callers, of pairs, none at all, latency, and the
        metric (Bonferroni).
        """
        return self.alpha / len(self.others) / (self.splits + 2 * self.shadows + 1 + (self.metric is not None))

    def content(self) -> dict[str, Any]:
        """Return it as it is stored and shown, without what it leaves out."""
        return self.model_dump(mode="json", exclude_none=True)


def read(given: object, variants: Sequence[str] | None = None) -> Experiment:
    """Return an experiment whose arms are among the variants that are served (Invalid)."""
    try:
        experiment = Experiment.model_validate(given)
    except ValidationError as error:
        raise Invalid(_worded(error.errors(include_url=False)[0])) from None
    except UnicodeError:  # which no sentence can show
        raise Invalid("a string holds half a surrogate pair; expected Unicode") from None
    experiment = _normalised(experiment)
    unknown = [arm.variant for arm in experiment.arms if variants is not None and arm.variant not in variants]
    if unknown:
        raise Invalid(f"the arm '{unknown[0][:64]}' is no variant; expected one of {', '.join(variants or ())}")
    return experiment


def _normalised(experiment: Experiment) -> Experiment:
    """Return the experiment with weights that sum to 1, as evidence takes them to; nobody gets another arm by that."""
    total = sum(arm.weight for arm in experiment.arms)
    if not experiment.splits or abs(total - 1) <= EXACT:
        return experiment
    arms = tuple(arm.model_copy(update={"weight": arm.weight / total}) for arm in experiment.arms)
    return experiment.model_copy(update={"arms": arms})


def read_changes(experiment: Experiment, given: object, variants: Sequence[str] | None = None) -> Experiment:
    """Return the experiment with what a request changes of it (Invalid; Conflict for what gave the evidence its
    meaning).
    """
    if not isinstance(given, dict) or not given:
        raise Invalid(f"nothing to change was given; expected some of {', '.join(CHANGEABLE)}")
    for key in given:
        if key in Experiment.model_fields and key not in CHANGEABLE:
            raise Conflict(
                f"'{key}' cannot change while evidence is gathered; expected {', '.join(CHANGEABLE)}, or a new "
                "experiment"
            )
    changed = read({**experiment.content(), **given}, variants)
    if {arm.variant for arm in changed.arms} != {arm.variant for arm in experiment.arms}:
        raise Conflict("the arms themselves cannot change while evidence is gathered; expected other weights only")
    return changed


class _NoDuplicates(yaml.SafeLoader):
    """YAML in which a key that is there twice is an error, and not the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        written = [key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        keys = [self.construct_object(key, deep=True) for key in written]  # type: ignore[no-untyped-call]
        twice = [key for key, count in Counter(map(str, keys)).items() if count > 1]
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"the key '{twice[0]}' is there twice", node.start_mark)
        return super().construct_mapping(node, deep)


def read_yaml(text: str, name: str, variants: Sequence[str] | None = None) -> list[Experiment]:
    """Return the experiments of a YAML file's text, one or a list of them (Invalid, with the file's `name`)."""
    try:
        content = load_yaml(text, _NoDuplicates)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = printable(str(getattr(error, "problem", error)))
        raise Invalid(f"'{name}'{where} is no YAML: {problem}; expected an experiment or a list of them") from None
    entries = content if isinstance(content, list) else [content]
    try:
        experiments = [read(entry, variants) for entry in entries]
    except Invalid as problem:
        raise Invalid(f"'{name}': {printable(str(problem))}") from None
    twice = [each for each, count in Counter(experiment.name for experiment in experiments).items() if count > 1]
    if twice:
        raise Invalid(f"'{name}': the experiment '{twice[0]}' is there twice; expected each name once")
    return experiments


def _worded(detail: Any) -> str:
    """Say one of pydantic's complaints in a sentence."""
    kind, given = detail["type"], detail["input"]
    where = ".".join(str(part) for part in detail["loc"])
    if kind == "value_error":
        return str(detail["msg"]).removeprefix("Value error, ")
    if not where:
        return f"a {_kind(given)} was given; expected an object with name, control and arms"
    if kind == "missing":
        if len(detail["loc"]) > 1:
            return f"'{where}' is missing; expected {', '.join(_model(detail['loc'][:-1]).model_fields)} there"
        return f"'{where}' is missing; an experiment has name, control and arms, the rest is optional"
    if kind == "extra_forbidden":
        model = _model(detail["loc"][:-1])
        return f"unknown key '{where[:64]}'; expected one of {', '.join(model.model_fields)}"
    message = f"{detail['msg'][0].lower()}{detail['msg'][1:]}"
    return f"'{where}' is {_shown(given)}: {message}"


def _shown(given: object) -> str:
    try:
        text = json.dumps(given, ensure_ascii=False, default=str)  # a date of YAML
    except (ValueError, RecursionError):  # a list that holds itself, or a number of thousands of digits
        return f"a {_kind(given)} that JSON cannot hold"
    return text if len(text) <= 64 else f"{text[:64]}…"


def _model(place: Sequence[str | int]) -> type[BaseModel]:
    names = [part for part in place if isinstance(part, str)]
    found: dict[str, type[BaseModel]] = {
        "arms": Arm, "unit": Unit, "metric": Metric, "guardrails": Guardrails, "stop": Stop,
        "error_rate": Most, "latency": Most, "agreement": Least,
    }  # fmt: skip
    return found.get(names[-1], Experiment) if names else Experiment


def _kind(value: object) -> str:
    names = {dict: "object", list: "list", str: "string", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), "null" if value is None else type(value).__name__)
