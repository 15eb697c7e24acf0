"""A recipe turned into steps: what every variant is made of, each with its key, before anything heavy is imported."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from models.data.dataset import Dataset, load_dataset
from models.plan.checkpoint import Checkpoint, find_teacher
from models.plan.head import Head, find_head
from models.plan.steps import step_key
from models.recipe.passes import GRAPH_PASSES, PASSES, Pass, Shape, SoftLabels
from models.recipe.recipe import CascadeOf, Recipe
from models.runtime.cpu import bf16_is_fast
from models.runtime.errors import BonsaiError
from models.runtime.tokenization import normalization

TEACHER = "teacher"
# Raised when a step's code changes what it produces: the keys of all that comes after it change with it. Those of the
# passes stand in their table.
STEP_VERSIONS = {"teacher": 6, "export": 6, "variant": 6, "cascade": 7}
# whose versions are part of a step's key; a pass on the graph needs none of those that train
TRAINING_LIBRARIES = ("torch", "transformers", "tokenizers")
EXPORT_LIBRARIES = ("onnx", "onnxruntime")
GRAPH_LIBRARIES = ("onnx", "onnxruntime", "tokenizers", "numpy")


@dataclass(frozen=True)
class Training:
    """What a teacher's weights depend on besides its options and the data: the libraries' versions, the numbers that
    are multiplied, and whether the checkpoint's own head is kept.
    """

    libraries: dict[str, str]
    precision: str  # bf16 or fp32
    keeps_head: bool


@dataclass(frozen=True)
class Planned:
    """A pass and the key of its result."""

    config: Pass
    key: str


@dataclass(frozen=True)
class VariantPlan:
    """A variant's passes on the torch model, its export, its passes on the graph, and the key of the finished
    folder.
    """

    name: str
    torch_passes: tuple[Planned, ...]
    export_key: str
    graph_passes: tuple[Planned, ...]
    key: str

    @property
    def passes(self) -> list[dict[str, object]]:
        """The passes with all their options, as a card says them."""
        return [
            {step.config.pass_name(): step.config.model_dump(mode="json")}
            for step in (*self.torch_passes, *self.graph_passes)
        ]

    @property
    def graph_keys(self) -> tuple[str, ...]:
        """The keys of the exported graph and of what each pass on it leaves."""
        return (self.export_key, *(step.key for step in self.graph_passes))

    @property
    def step_keys(self) -> set[str]:
        return {step.key for step in self.torch_passes} | set(self.graph_keys)


@dataclass(frozen=True)
class CascadePlan:
    """A cascade of two planned variants, and the key of its finished folder."""

    name: str
    config: CascadeOf
    key: str
    step_keys: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Plan:
    """All that one build has to make: the teachers' keys, the served one's first, and the variants, the teacher
    first.
    """

    recipe: Recipe
    dataset: Dataset
    checkpoint: Checkpoint
    training: Training
    teacher_keys: tuple[str, ...]
    variants: tuple[VariantPlan | CascadePlan, ...]

    @property
    def transfer(self) -> int:
        """The most variations of the training texts that a pass asks for."""
        return max((config.transfer for config in _soft_label_passes(self.recipe)), default=0)

    @property
    def teacher_counts(self) -> set[int]:
        """By how many teachers the passes want to be taught."""
        return {min(config.teachers, len(self.teacher_keys)) for config in _soft_label_passes(self.recipe)}


def read_inputs(recipe: Recipe) -> tuple[Checkpoint, Dataset]:
    """Return the checkpoint and the data set, split by the checkpoint's own idea of equal texts."""
    checkpoint = find_teacher(recipe.teacher)
    return checkpoint, load_dataset(recipe.dataset, normalization(checkpoint.folder / "tokenizer.json"))


def make_plan(recipe: Recipe, dataset: Dataset, checkpoint: Checkpoint, training: Training | None = None) -> Plan:
    """Give every step its key: a hash of its options, its parent's key, the data, the seed and the step's own version.

    A checkpoint that has a trained head is not fine-tuned, and so it is the only teacher. `training` is how the teacher
    was made, where it is there already (BonsaiError where it is not, and this environment cannot).
    """
    check_recipe(recipe, checkpoint)
    options = recipe.teacher.model_dump(exclude={"source", "revision"})
    training = training or _training_here(checkpoint, find_head(checkpoint, dataset.labels))
    has_head = training.keeps_head
    teachers = 1 if has_head else max((config.teachers for config in _soft_label_passes(recipe)), default=1)
    teacher_keys = tuple(
        step_key(
            "teacher",
            STEP_VERSIONS["teacher"],
            checkpoint.fingerprint,
            dataset.sha256,
            dataset.labels,
            options,
            recipe.seed + number,
            [training.libraries, training.precision],
        )
        for number in range(teachers)
    )
    variants: dict[str, VariantPlan | CascadePlan] = {}
    asked: dict[str, list[Pass] | CascadeOf] = {TEACHER: [], **recipe.variants}
    for name, made_of in asked.items():
        if isinstance(made_of, CascadeOf):
            parts = [variants[part].key for part in (made_of.small, made_of.large)]
            key = step_key("cascade", STEP_VERSIONS["cascade"], name, parts, made_of.model_dump(mode="json"))
            variants[name] = CascadePlan(name, made_of, key)
        else:
            passes = [
                config.model_copy(update={"teachers": 1}) if has_head and isinstance(config, SoftLabels) else config
                for config in made_of
            ]
            variants[name] = _plan_variant(name, passes, teacher_keys[0], recipe)
    return Plan(recipe, dataset, checkpoint, training, teacher_keys, tuple(variants.values()))


def check_recipe(recipe: Recipe, checkpoint: Checkpoint) -> None:
    """Refuse what the teacher's shape or tokenizer does not allow, before any training (BonsaiError)."""
    config = checkpoint.config
    for name, passes in recipe.variants.items():
        if isinstance(passes, CascadeOf):
            continue
        shape = Shape(int(config["num_hidden_layers"]), int(config["num_attention_heads"]), checkpoint.tokenizer)  # type: ignore[call-overload]
        try:
            for asked in passes:
                if checkpoint.is_graph and asked.pass_name() not in GRAPH_PASSES:
                    raise BonsaiError(
                        f"{asked.pass_name()}: the teacher is an ONNX graph, which cannot be trained; expected "
                        f"{' or '.join(GRAPH_PASSES)}, or a teacher with model.safetensors"
                    )
                shape = asked.after(shape)
        except BonsaiError as error:
            raise BonsaiError(f"variant '{name}', {error}") from error


def versions_of(libraries: Sequence[str]) -> dict[str, str]:
    """Return the versions of libraries that shape a variant."""
    return {name: version(name) for name in libraries}


def _training_here(checkpoint: Checkpoint, head: Head) -> Training:
    """Return how this environment trains; of a graph nothing is trained (BonsaiError where it cannot be)."""
    if checkpoint.is_graph:
        if not head.rows:
            raise BonsaiError(
                f"teacher '{checkpoint.name}': a graph cannot be trained for the data's labels, and "
                f"{head.reason or 'config.json names none'}; expected one that was fine-tuned for them"
            )
        return Training(versions_of(("tokenizers",)), "fp32", True)
    try:
        libraries = versions_of(TRAINING_LIBRARIES)
    except PackageNotFoundError as error:
        raise BonsaiError(
            f"teacher '{checkpoint.name}': its weights need {error.name}, which is not installed here; run 'make env' "
            "in the project's folder, and build there, or give a fine-tuned teacher as an ONNX graph (model.onnx)"
        ) from error
    return Training(libraries, "bf16" if bf16_is_fast() else "fp32", bool(head.rows))


def _soft_label_passes(recipe: Recipe) -> list[SoftLabels]:
    """Return the passes that train on soft labels."""
    passes = (
        config for made_of in recipe.variants.values() if not isinstance(made_of, CascadeOf) for config in made_of
    )
    return [config for config in passes if isinstance(config, SoftLabels)]


def _plan_variant(name: str, passes: list[Pass], teacher_key: str, recipe: Recipe) -> VariantPlan:
    torch_passes = [config for config in passes if config.pass_name() not in GRAPH_PASSES]
    graph_passes = [config for config in passes if config.pass_name() in GRAPH_PASSES]
    steps = _chain(torch_passes, teacher_key)
    export_key = step_key(
        "export", STEP_VERSIONS["export"], steps[-1].key if steps else teacher_key, versions_of(EXPORT_LIBRARIES)
    )
    graph_steps = _chain(graph_passes, export_key, versions_of(GRAPH_LIBRARIES))
    last = graph_steps[-1].key if graph_steps else export_key
    # The finished folder holds the verdict beside the teacher; the teacher's own key is part of `last` already.
    judged = recipe.gate.model_dump(exclude={"on_fail"})
    return VariantPlan(
        name, steps, export_key, graph_steps, step_key("variant", STEP_VERSIONS["variant"], name, last, judged)
    )


def _chain(passes: Sequence[Pass], parent: str, *libraries: dict[str, str]) -> tuple[Planned, ...]:
    """Give every pass its key; what trained their parent's has the training libraries' versions in it already."""
    steps = []
    for config in passes:
        options, version = config.model_dump(mode="json"), PASSES[config.pass_name()].version
        parent = step_key(config.pass_name(), version, options, parent, *libraries)
        steps.append(Planned(config, parent))
    return tuple(steps)
