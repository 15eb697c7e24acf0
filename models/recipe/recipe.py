"""What a build makes: teacher, data set and variants, as strict models."""

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_serializer, model_validator

from models.recipe.passes import GRAPH_PASSES, MODEL_PASSES, Pass, PassConfig
from models.recipe.strict import Schedule, Strict

VARIANT_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
RESERVED_NAMES = frozenset(
    [
        "predict",
        "variants",
        "builds",
        "experiments",
        "feedback",
        "compare",
        "v2",
        "docs",
        "schema",
        "metrics",
        "livez",
        "readyz",
        "healthz",
        "static_content",
        "assets",
    ]
)


Given = Annotated[str, Field(min_length=1)]  # what is empty would be the present folder, or nothing at all


class TeacherSource(Schedule):
    """`embedded`, a local folder or a Hugging Face id, and how it is fine-tuned when it has no trained head for these
    labels.
    """

    source: Given = "embedded"
    revision: Given | None = None
    max_tokens: int = Field(128, ge=8, le=512)
    epochs: int = Field(8, ge=1, le=100)
    learning_rate: float = Field(2e-4, gt=0, lt=1)


class DatasetSource(Strict):
    """`embedded`, a file, a folder or a Hugging Face id; columns are found by their usual names unless named here.

    `split_seed` draws the rows that are held out where the source has no test or no validation file: the recipe's
    `seed` moves none of them. `config` chooses among the configurations of a Hugging Face id or of a folder's
    README.md; `skip_unusable` leaves out, and counts, rows without a text or a label.
    """

    source: Given = "embedded"
    config: Given | None = None
    split_seed: int = Field(0, ge=0, lt=2**32)
    text_column: Given | None = None
    label_column: Given | None = None
    skip_unusable: bool = False


class Gate(Strict):
    """How much accuracy a variant may lose: `max_drop` in percentage points, judged at `alpha`; `error` stops the build
    when a variant is worse.
    """

    max_drop: float = Field(1.0, gt=0, lt=100)
    alpha: float = Field(0.05, ge=1e-6, lt=1)
    on_fail: Literal["warn", "error"] = "warn"


class CascadeOf(Strict):
    """Two earlier variants: the small one answers, and escalates what it is unsure of.

    The threshold is the lowest that leaves at most `max_drop` percent of all texts with another label than the larger
    one's, by the upper 95 % bound that the validation rows give: more accuracy than this the cascade can hardly lose.
    Fewer rows than some 300 / `max_drop`, as 300 at the default, cannot show so little: then no row that differs is
    left so, and the card says what bound that gives.
    """

    small: str
    large: str
    max_drop: float = Field(
        1.0, ge=0, lt=100
    )  # of 1,000 rows as many may differ as when half a percent was held to these rows alone

    @model_validator(mode="before")
    @classmethod
    def _options(cls, entry: Any) -> Any:
        return entry["cascade"] if _made_of(entry) == "cascade" and isinstance(entry, dict) else entry


def _made_of(entry: Any) -> str:
    return (
        "cascade"
        if isinstance(entry, CascadeOf) or (isinstance(entry, dict) and list(entry) == ["cascade"])
        else "passes"
    )


def check_name(name: object) -> str:
    """Return a usable variant name, or raise ValueError with what is accepted."""
    if not isinstance(name, str) or not VARIANT_NAME.fullmatch(name):
        raise ValueError(f"variant name {name!r} is not usable; expected {VARIANT_NAME.pattern}")
    if name in RESERVED_NAMES or name == "teacher":
        raise ValueError(
            f"variant name '{name}' is reserved; expected none of teacher, {', '.join(sorted(RESERVED_NAMES))}"
        )
    return name


Name = Annotated[str, BeforeValidator(check_name), Field(json_schema_extra={"pattern": f"^{VARIANT_NAME.pattern}$"})]
Passes = Annotated[list[Pass], Field(min_length=1)]
if TYPE_CHECKING:
    MadeOf = list[PassConfig] | CascadeOf
else:
    MadeOf = Annotated[Annotated[Passes, Tag("passes")] | Annotated[CascadeOf, Tag("cascade")], Discriminator(_made_of)]


class Recipe(Strict):
    """A teacher, a data set, and a name and an ordered list of passes for every variant."""

    teacher: TeacherSource = Field(default_factory=lambda: TeacherSource.model_validate({}))
    dataset: DatasetSource = Field(default_factory=DatasetSource)
    gate: Gate = Field(default_factory=Gate)
    seed: int = Field(0, ge=0, lt=2**32)
    variants: dict[Name, MadeOf] = Field(default_factory=dict)

    @field_serializer("variants")
    def _as_a_recipe_writes_them(self, variants: dict[str, Any]) -> dict[str, Any]:
        return {
            name: {"cascade": made_of.model_dump(mode="json")}
            if isinstance(made_of, CascadeOf)
            else [{config.pass_name(): config.model_dump(mode="json")} for config in made_of]
            for name, made_of in variants.items()
        }

    @model_validator(mode="after")
    def _in_an_order_that_can_be_built(self) -> "Recipe":
        earlier: list[str] = []
        for name, made_of in self.variants.items():
            if isinstance(made_of, CascadeOf):
                _check_parts(name, made_of, earlier)
            else:
                _check_order(name, [config.pass_name() for config in made_of])
                earlier.append(name)
        return self


def _check_parts(name: str, cascade: CascadeOf, earlier: list[str]) -> None:
    if cascade.small == cascade.large:
        raise ValueError(
            f"variant '{name}': cascade of '{cascade.small}' with itself; expected a small variant and another, larger "
            "one"
        )
    for part in (cascade.small, cascade.large):
        if part not in ("teacher", *earlier):
            raise ValueError(
                f"variant '{name}': cascade of '{part}'; expected teacher or a variant above it: "
                f"{', '.join(earlier) or 'there is none'}"
            )


def _after(entry: str, passes: list[str]) -> int:
    """Return the place behind the first of these passes, the end where there is none."""
    return passes.index(entry) + 1 if entry in passes else len(passes)


def _check_order(name: str, passes: list[str]) -> None:
    stages = [GRAPH_PASSES.index(entry) + 1 if entry in GRAPH_PASSES else 0 for entry in passes]
    graph = " and ".join(GRAPH_PASSES)
    model = f"{', '.join(MODEL_PASSES[:-1])} and {MODEL_PASSES[-1]}"
    if stages != sorted(stages):
        raise ValueError(
            f"variant '{name}': {graph} work on the exported graph; expected them after {model}, in this order"
        )
    trained_again = [
        entry for entry in MODEL_PASSES if entry != "sparsify" and entry in passes[_after("sparsify", passes) :]
    ]
    if trained_again:
        raise ValueError(
            f"variant '{name}': {trained_again[0]} trains all weights again, so that no zeros would be left; expected "
            "sparsify after it"
        )
    if any(passes.count(entry) > 1 for entry in GRAPH_PASSES):
        raise ValueError(f"variant '{name}': {' or '.join(GRAPH_PASSES)} stands there twice; expected each once")
