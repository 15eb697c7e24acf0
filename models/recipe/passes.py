"""The passes: what each may be told, and the one table that names them. A new pass is a class and a line here, and a
file in models/passes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from models.recipe.strict import Schedule, Strict
from models.runtime.errors import BonsaiError

CUT = ("share", "scope", "block", "prepare", "retrain")  # what sparsify asks without training
TRIMMED = ("WordPiece", "Unigram")  # tokenizers that spell every word with fewer pieces


@dataclass(frozen=True)
class Shape:
    """What a pass finds when its turn comes: layers, attention heads a layer, and the kind of the tokenizer's model."""

    layers: int
    heads: int
    tokenizer: str


class PassConfig(Strict):
    """One pass's options; a recipe writes them as `{name: {option: value}}`."""

    @classmethod
    def pass_name(cls) -> str:
        """Return the key that a recipe uses for this pass."""
        return cls.__name__.lower()

    @model_validator(mode="before")
    @classmethod
    def _options(cls, entry: Any) -> Any:
        """Take the options from under the pass's name, where they stand so."""
        if isinstance(entry, dict) and list(entry) == [cls.pass_name()]:
            entry = entry[cls.pass_name()]
            return {} if entry is None else entry
        return entry

    def after(self, shape: Shape) -> Shape:
        """Return the shape that the pass leaves (BonsaiError where this shape does not allow what is asked)."""
        return shape


class SoftLabels(Schedule, PassConfig):
    """Loss = alpha · hard + (1 − alpha) · T² · soft + hidden · MSE of the served teacher's last [CLS] state (Hinton et
    al. 2015, section 2).
    """

    temperature: float = Field(3.0, ge=0.1, le=100)  # beyond, fp32 rounds T² · soft away
    alpha: float = Field(0.5, ge=0, le=1)
    hidden: float = Field(0.5, ge=0, le=1000)  # beyond, the loss is the states' alone, and overflows in the end
    transfer: int = Field(0, ge=0, le=1_000_000)  # variations of the training texts, which the teachers label
    teachers: int = Field(
        1, ge=1, le=10
    )  # so many fine-tunings of the checkpoint, each with another seed, whose logits are averaged; the first is served
    # the student keeps the teacher's: on Banking77 one layer scored 92.4 so and 90.9 with its own, in a third of the
    # time
    freeze_embeddings: bool = True


class Prune(SoftLabels):
    """Remove attention heads and FFN neurons, then recover; `scope` says whether they are ranked in each layer or over
    all layers.
    """

    remove_heads: int = Field(4, ge=0)
    remove_ffn: float = Field(0.5, ge=0, lt=1)
    scope: Literal["layer", "model"] = "layer"
    epochs: int = Field(6, ge=1, le=100)
    learning_rate: float = Field(2e-4, gt=0, lt=1)

    def after(self, shape: Shape) -> Shape:
        """Return the shape with fewer heads."""
        if self.remove_heads >= shape.heads:
            raise BonsaiError(
                f"prune: remove_heads is {self.remove_heads}, of {shape.heads} a layer; expected 0 to {shape.heads - 1}"
            )
        return replace(shape, heads=shape.heads - self.remove_heads)


class Distill(SoftLabels):
    """Train a student of fewer layers: a number (spread over the teacher's, the last included) or a list of the
    teacher's layers to start from.
    """

    layers: Annotated[int, Field(ge=1)] | list[Annotated[int, Field(ge=0)]] = 3
    epochs: int = Field(10, ge=1, le=100)
    learning_rate: float = Field(3e-4, gt=0, lt=1)
    contextual: int = Field(
        0, ge=0
    )  # word embeddings are the teacher's mean states after so many of its layers; 0: its own embeddings

    def chosen(self, available: int) -> list[int]:
        """Return the layers, of so many, that the student starts from (BonsaiError when they are not there)."""
        asked = self.layers
        if isinstance(asked, int):  # of more than there are, no list is made: a request may ask for any number
            chosen = [round((place + 1) * available / asked) - 1 for place in range(min(asked, available + 1))]
        else:
            chosen = list(asked)
        if not chosen or len(set(chosen)) < len(chosen) or max(chosen) >= available or min(chosen) < 0:
            raise BonsaiError(
                f"distill: layers is {asked}, of a model with {available}; expected 1 to {available}, or distinct "
                f"layers from 0 to {available - 1}"
            )
        return chosen

    def after(self, shape: Shape) -> Shape:
        """Return the shape with fewer layers."""
        if self.contextual >= shape.layers:
            raise BonsaiError(
                f"distill: contextual is {self.contextual}, of a model with {shape.layers} layers; expected 0 to "
                f"{shape.layers - 1}"
            )
        return replace(shape, layers=len(self.chosen(shape.layers)))


def _check_side(side: object) -> object:
    """Refuse what Python takes for one of the numbers of a Literal and is none: true and 4.0."""
    if isinstance(side, bool | float):
        raise ValueError(f"sparsify: block holds {side!r}; expected two of 1, 2, 4, 8, 16")
    return side


class Sparsify(SoftLabels):
    """Set the encoder's smallest weights to zero, step by step, and retrain the others each time (Han et al. 2015).

    `norm` is what training penalizes, not what ranks the weights: those go whose magnitude is least. Han et al.
    (section 3.1) found L1 better right after pruning, since it leaves more weights near zero, and L2 after retraining.
    """

    share: float = Field(0.9, gt=0, lt=1)  # of the weights of the encoder's linear layers
    steps: int = Field(6, ge=1, le=100)
    scope: Literal["layer", "global"] = "layer"  # ranked in each weight matrix, or over all of them together
    block: list[Annotated[Literal[1, 2, 4, 8, 16], BeforeValidator(_check_side)]] = Field(
        [1, 1], min_length=2, max_length=2
    )  # outputs x inputs that go together
    norm: Literal["l1", "l2"] = "l2"
    # by which the learning rate times it, or times the weight, draws a weight to zero at every step of training
    decay: float = Field(0.01, ge=0, lt=100)
    prepare: int = Field(0, ge=0, le=100)  # epochs of training with the penalty before the first weights go
    retrain: bool = True
    epochs: int = Field(3, ge=1, le=100)  # after each step
    last_epochs: int = Field(8, ge=1, le=100)  # after the last
    learning_rate: float = Field(2e-4, gt=0, lt=1)

    @model_validator(mode="after")
    def _what_goes_together(self) -> "Sparsify":
        # A card's passes, which are read back, name all options: their defaults are no request.
        fields = type(self).model_fields
        untrained = ["steps", "epochs", "last_epochs"]
        if not self.prepare:
            untrained += [name for name in fields if name not in (*untrained, *CUT)]
        idle = [name for name in untrained if getattr(self, name) != fields[name].default]
        if not self.retrain and idle:
            raise ValueError(
                f"sparsify: retrain is false, and {idle[0]} is {getattr(self, idle[0])}; expected it left out: what is "
                "pruned without retraining is pruned at once, and nothing is trained"
            )
        if self.norm == "l2" and self.learning_rate * self.decay >= 1:
            raise ValueError(
                f"sparsify: learning_rate {self.learning_rate:g} times decay {self.decay:g} is "
                f"{self.learning_rate * self.decay:g}; expected less than 1: it is the part of a weight that each step "
                "takes away"
            )
        return self

    def shares(self) -> list[float]:
        """Return the share that is gone after every step: most of it early, little at the end (the cubic schedule of
        Zhu and Gupta 2017).
        """
        steps = self.steps if self.retrain else 1
        return [self.share * (1 - (1 - (step + 1) / steps) ** 3) for step in range(steps)]

    def schedule(self, step: int) -> "Sparsify":
        """Return the options with as many epochs as the retraining after a step has."""
        return self.model_copy(update={"epochs": self.last_epochs}) if step == self.steps - 1 else self


class Trim(PassConfig):
    """Keep this many of the word pieces that the training texts use most, and every single character: a smaller file,
    the same speed.
    """

    tokens: int = Field(8000, ge=100)

    def after(self, shape: Shape) -> Shape:
        """Refuse tokenizers that cannot spell a word with fewer pieces."""
        if shape.tokenizer not in TRIMMED:
            raise BonsaiError(
                f"trim: the teacher's tokenizer is of the kind {shape.tokenizer}; expected {' or '.join(TRIMMED)}: "
                "leave it out"
            )
        return shape


class Quantize(PassConfig):
    """INT8: signed weights, one scale an output channel, times unsigned activations, whose scales are fixed by
    calibration or taken as they come.

    With `dynamic_per_batch` the batch mates of a text change its logits; it is the form that other tools call dynamic
    quantization. Weights of 16 bits, `fp16` or `bf16`, halve the file and leave the arithmetic at fp32.
    """

    weights: Literal["int8", "fp16", "bf16"] = "int8"
    activations: Literal["static", "dynamic_per_batch"] = "static"
    embeddings: bool = True

    @model_validator(mode="after")
    def _what_has_16_bits(self) -> "Quantize":
        # A card's passes, which are read back, name all options: their defaults are no request.
        if self.weights != "int8" and (self.activations, self.embeddings) != ("static", True):
            option = "embeddings" if self.activations == "static" else "activations"
            raise ValueError(
                f"quantize: weights is {self.weights}, and {option} is given; expected it left out: it is an option of "
                "int8"
            )
        return self


@dataclass(frozen=True)
class PassKind:
    """A pass's options, the function that does it, what that works on, and a version that is raised when the function's
    results change.
    """

    config: type[PassConfig]
    function: str  # "module:name", imported when it is called: torch takes seconds
    stage: Literal["model", "graph"]  # the torch model, or the exported ONNX graph behind it
    version: int

    def load(self) -> Callable[..., Any]:
        """Import the function."""
        module, name = self.function.split(":")
        function: Callable[..., Any] = getattr(import_module(module), name)
        return function


PASSES = {  # those of the graph in the order in which they may follow one another
    "prune": PassKind(Prune, "models.passes.prune:prune", "model", 7),
    "distill": PassKind(Distill, "models.passes.distill:distill", "model", 8),
    "sparsify": PassKind(Sparsify, "models.passes.sparsify:sparsify", "model", 4),
    "trim": PassKind(Trim, "models.passes.trim:trim", "graph", 4),
    "quantize": PassKind(Quantize, "models.passes.quantize:quantize", "graph", 3),
}
MODEL_PASSES, GRAPH_PASSES = (
    [name for name, kind in PASSES.items() if kind.stage == stage] for stage in ("model", "graph")
)


def named(entry: Any) -> str | None:
    """Return the name under which an entry of a recipe stands: its one key."""
    if isinstance(entry, PassConfig):
        return entry.pass_name()
    return str(next(iter(entry))) if isinstance(entry, dict) and len(entry) == 1 else None


if TYPE_CHECKING:
    Pass = PassConfig
else:
    _tagged = tuple(Annotated[kind.config, Tag(name)] for name, kind in PASSES.items())
    Pass = Annotated[Union[_tagged], Discriminator(named)]  # noqa: UP007
