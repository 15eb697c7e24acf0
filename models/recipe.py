"""What a build makes: teacher, data set and variants, read from YAML into strict models before anything heavy is imported."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from models.errors import BonsaiError

DEFAULT_RECIPE = Path(__file__).parent / "recipes" / "default.yaml"
VARIANT_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
RESERVED_NAMES = frozenset(
    ["predict", "variants", "experiments", "feedback", "compare", "v2", "docs", "schema", "metrics", "livez", "readyz", "healthz", "static_content", "assets"]
)


class Strict(BaseModel):
    """No unknown keys, no conversions, no changes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Schedule(Strict):
    """How long and how fast a model is trained; `patience` counts epochs without a better validation accuracy."""

    epochs: int = Field(ge=1, le=100)
    learning_rate: float = Field(gt=0, lt=1)
    batch_size: int = Field(64, ge=1)
    patience: int = Field(4, ge=1)


class SoftLabels(Schedule):
    """Loss = alpha · hard + (1 − alpha) · T² · soft + hidden · MSE of the served teacher's last [CLS] state (Hinton et al. 2015, section 2)."""

    temperature: float = Field(3.0, gt=0)
    alpha: float = Field(0.5, ge=0, le=1)
    hidden: float = Field(0.5, ge=0)
    transfer: int = Field(0, ge=0, le=1_000_000)  # variations of the training texts, which the teachers label; rounded up to as many of each
    teachers: int = Field(1, ge=1, le=10)  # so many fine-tunings of the checkpoint, each with another seed, whose logits are averaged; the first is served
    freeze_embeddings: bool = True  # the student keeps the teacher's: on Banking77 one layer scored 92.4 so and 90.9 with its own, in a third of the time


class Prune(SoftLabels):
    """Remove attention heads and FFN neurons, then recover; `scope` says whether they are ranked in each layer or over all layers."""

    remove_heads: int = Field(4, ge=0)
    remove_ffn: float = Field(0.5, ge=0, lt=1)
    scope: Literal["layer", "model"] = "layer"
    epochs: int = Field(6, ge=1, le=100)
    learning_rate: float = Field(2e-4, gt=0, lt=1)


class Distill(SoftLabels):
    """Train a student of fewer layers: a number (spread over the teacher's, the last included) or a list of the teacher's layers to start from."""

    layers: Annotated[int, Field(ge=1)] | list[Annotated[int, Field(ge=0)]] = 3
    epochs: int = Field(10, ge=1, le=100)
    learning_rate: float = Field(3e-4, gt=0, lt=1)
    contextual: int = Field(0, ge=0)  # word embeddings are the teacher's mean states after so many of its layers; 0: its own embeddings

    def chosen(self, available: int) -> list[int]:
        """Return the layers, of so many, that the student starts from (BonsaiError when they are not there)."""
        asked = self.layers
        chosen = [round((place + 1) * available / asked) - 1 for place in range(asked)] if isinstance(asked, int) else list(asked)
        if not chosen or len(set(chosen)) < len(chosen) or max(chosen) >= available or min(chosen) < 0:
            raise BonsaiError(
                f"distill: layers is {asked}, of a model with {available}; expected 1 to {available}, or distinct layers from 0 to {available - 1}"
            )
        return chosen


class Quantize(Strict):
    """INT8: signed weights, one scale an output channel, times unsigned activations, whose scales are fixed by calibration or taken as they come.

    With `dynamic_per_batch` the batch mates of a text change its logits; it is the form that other tools call dynamic quantization.
    """

    activations: Literal["static", "dynamic_per_batch"] = "static"
    embeddings: bool = True


class Trim(Strict):
    """Keep this many of the word pieces that the training texts use most, and every single character: a smaller file, the same speed."""

    tokens: int = Field(8000, ge=100)


class CascadeOf(Strict):
    """Two earlier variants: the small one answers, and escalates what it is unsure of.

    The threshold is the lowest that leaves at most `max_drop` percent of all texts with another label than the larger one's, by the upper 95 % bound that the
    validation rows give: more accuracy than this the cascade can hardly lose. Fewer rows than some 300 / `max_drop`, as 300 at the default, cannot show so
    little: then no row that differs is left so, and the card says what bound that gives.
    """

    small: str
    large: str
    max_drop: float = Field(1.0, ge=0, lt=100)  # of 1,000 rows as many may differ as when half a percent was held to these rows alone


PASS_CONFIGS: dict[str, type[Strict]] = {"prune": Prune, "distill": Distill, "trim": Trim, "quantize": Quantize}
GRAPH_PASSES = (Trim, Quantize)  # run on the exported ONNX graph; all others run on the torch model before it
Pass = Prune | Distill | Trim | Quantize


class TeacherSource(Schedule):
    """`embedded`, a local folder or a Hugging Face id, and how it is fine-tuned when it has no trained head for these labels."""

    source: str = "embedded"
    revision: str | None = None
    max_tokens: int = Field(128, ge=8, le=512)
    epochs: int = Field(8, ge=1, le=100)
    learning_rate: float = Field(2e-4, gt=0, lt=1)


class DatasetSource(Strict):
    """`embedded`, a file, a folder or a Hugging Face id; columns are found by their usual names unless named here.

    `split_seed` draws the rows that are held out where the source has no test or no validation file: the recipe's `seed` moves none of them.
    `config` chooses among the configurations of a Hugging Face id; `skip_unusable` leaves out, and counts, rows without a text or a label.
    """

    source: str = "embedded"
    config: str | None = None
    split_seed: int = Field(0, ge=0, lt=2**32)
    text_column: str | None = None
    label_column: str | None = None
    skip_unusable: bool = False


class Gate(Strict):
    """How much accuracy a variant may lose: `max_drop` in percentage points, judged at `alpha`; `error` stops the build when a variant is worse."""

    max_drop: float = Field(1.0, gt=0, lt=100)
    alpha: float = Field(0.05, gt=0, lt=1)
    on_fail: Literal["warn", "error"] = "warn"


class Recipe(Strict):
    """A teacher, a data set, and a name and an ordered list of passes for every variant."""

    teacher: TeacherSource = Field(default_factory=lambda: TeacherSource.model_validate({}))
    dataset: DatasetSource = Field(default_factory=DatasetSource)
    gate: Gate = Field(default_factory=Gate)
    seed: int = Field(0, ge=0, lt=2**32)
    variants: dict[str, list[Pass] | CascadeOf] = {}

    @field_validator("variants", mode="before")
    @classmethod
    def _name_the_passes(cls, variants: Any) -> Any:
        if not isinstance(variants, dict):
            raise ValueError(f"a {type(variants).__name__} was given; expected a name and a list of passes for each variant")
        return {check_name(name): _parse_variant(name, passes) for name, passes in variants.items()}

    @model_validator(mode="after")
    def _graph_passes_come_last(self) -> "Recipe":
        for place, (name, passes) in enumerate(self.variants.items()):
            if isinstance(passes, CascadeOf):
                earlier = [other for other, of in list(self.variants.items())[:place] if not isinstance(of, CascadeOf)]
                for part in (passes.small, passes.large):
                    if part not in ("teacher", *earlier):
                        raise ValueError(
                            f"variant '{name}': cascade of '{part}'; expected teacher or a variant above it: {', '.join(earlier) or 'there is none'}"
                        )
                continue
            stages = [GRAPH_PASSES.index(type(entry)) + 1 if isinstance(entry, GRAPH_PASSES) else 0 for entry in passes]
            if stages != sorted(stages):
                raise ValueError(f"variant '{name}': trim and quantize work on the exported graph; expected them after prune and distill, in this order")
            if any(stages.count(stage) > 1 for stage in (1, 2)):
                raise ValueError(f"variant '{name}': trim or quantize stands there twice; expected each once")
        return self


def check_name(name: object) -> str:
    """Return a usable variant name, or raise ValueError with what is accepted."""
    if not isinstance(name, str) or not VARIANT_NAME.fullmatch(name):
        raise ValueError(f"variant name {name!r} is not usable; expected {VARIANT_NAME.pattern}")
    if name in RESERVED_NAMES or name == "teacher":
        raise ValueError(f"variant name '{name}' is reserved; expected none of teacher, {', '.join(sorted(RESERVED_NAMES))}")
    return name


def _parse_variant(name: object, made_of: Any) -> list[Pass] | CascadeOf:
    if isinstance(made_of, CascadeOf):
        return made_of
    if isinstance(made_of, dict) and list(made_of) == ["cascade"]:
        try:
            return CascadeOf.model_validate(made_of["cascade"])
        except ValidationError as error:
            raise ValueError(f"variant '{name}', cascade: {first_error(error, CascadeOf)}") from error
    return [_parse_pass(name, entry) for entry in _as_list(name, made_of)]


def _as_list(name: object, passes: Any) -> list[Any]:
    if not isinstance(passes, list) or not passes:
        raise ValueError(f"variant '{name}': {passes!r} was given; expected a list of passes such as [{{quantize: {{}}}}]")
    return passes


def _parse_pass(name: object, entry: Any) -> Pass:
    if isinstance(entry, Pass):
        return entry
    if not isinstance(entry, dict) or len(entry) != 1:
        raise ValueError(f"variant '{name}': {entry!r} is not a pass; expected one of {', '.join(PASS_CONFIGS)} with its options")
    kind, options = next(iter(entry.items()))
    if kind not in PASS_CONFIGS:
        raise ValueError(f"variant '{name}': unknown pass '{kind}'; expected one of {', '.join(PASS_CONFIGS)}")
    try:
        return PASS_CONFIGS[kind].model_validate({} if options is None else options)  # type: ignore[return-value]
    except ValidationError as error:
        raise ValueError(f"variant '{name}', {kind}: {first_error(error, PASS_CONFIGS[kind])}") from error


def pass_name(config: Pass) -> str:
    """Return the key that a recipe uses for this pass."""
    return type(config).__name__.lower()


def load_recipe(path: Path) -> Recipe:
    """Read a recipe; refuse unknown keys, wrong types, duplicate and reserved names in one sentence (BonsaiError)."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_RecipeLoader)
        return Recipe.model_validate({} if content is None else content)
    except OSError as error:
        raise BonsaiError(f"recipe '{path}': {error.strerror}; expected a YAML file such as {DEFAULT_RECIPE.name}") from error
    except UnicodeDecodeError as error:
        raise BonsaiError(f"recipe '{path}': not UTF-8 at byte {error.start}; expected a UTF-8 YAML file") from error
    except yaml.YAMLError as error:
        raise BonsaiError(f"recipe '{path}': not YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        raise BonsaiError(f"recipe '{path.name}': {first_error(error, Recipe)}") from error


def first_error(error: ValidationError, model: type[BaseModel]) -> str:
    """Say the first of pydantic's complaints as: where, what was given, what is accepted."""
    detail = error.errors()[0]
    where, parent = _place(detail["loc"], model)
    if detail["type"] == "extra_forbidden":
        return f"unknown key '{'.'.join([*where, str(detail['loc'][-1])])}'; expected one of {', '.join(parent.model_fields)}"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "value_error":
        return message
    message = f"{message[0].lower()}{message[1:]}"
    return f"'{'.'.join(where)}' is {detail['input']!r}: {message}" if where else f"{detail['input']!r} was given: {message}"


def _place(location: tuple[str | int, ...], model: type[BaseModel]) -> tuple[list[str], type[BaseModel]]:
    """Return the keys of a complaint's place, without pydantic's names for the branches of a union, and the model that holds the last of them."""
    keys: list[str] = []
    for part in location:
        if isinstance(part, int):
            keys.append(str(part))
        if part not in model.model_fields:
            continue
        keys.append(str(part))
        annotation = model.model_fields[str(part)].annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
    return keys, model


class _RecipeLoader(yaml.SafeLoader):
    """YAML as people expect it: no key twice (it keeps the last without a word), and 2e-4 is a number (YAML 1.1 wants 2.0e-4)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]  # type: ignore[no-untyped-call]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"the key '{key}' stands there twice (line {node.start_mark.line + 1} on); expected it once")
        return super().construct_mapping(node, deep)


_RecipeLoader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789"))  # type: ignore[no-untyped-call]
