"""Carry out a plan: every variant's graph, the passes on it, and the finished folder; what an earlier build finished is
not made again (no torch, but for what only training makes).
"""

import shutil
from collections.abc import Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from models.build.counted import less_words, read_parameters, write_parameters
from models.build.finishing import finish_cascade, finish_variant
from models.graph.calibration import TrainingTexts, calibrate_folder
from models.graph.taken import count_parameters, take_graph
from models.graph.tokenizer import write_tokenizer
from models.plan.head import find_head
from models.plan.plan import TEACHER, CascadePlan, Plan, VariantPlan
from models.plan.steps import Steps
from models.prove.coverage import Coverage, coverages
from models.recipe.passes import PASSES, Pass, Trim
from models.runtime.followed import tell_step
from models.runtime.progress import console
from models.runtime.tokenization import Tokenizer

if TYPE_CHECKING:
    from models.build.trained import Trained


class Builder:
    """One build's finished steps and variants, and the data that passes on the graph may look at."""

    def __init__(self, plan: Plan, out: Path, current: Mapping[str, Path] | None = None) -> None:
        """`current` names the finished folders of variants that are as the plan wants them."""
        self.plan = plan
        self._variants = {variant.name: variant for variant in plan.variants}
        self._finished = dict(current or {})
        self._steps = Steps(out / ".steps", _steps_within(self._finished, self._variants))
        self._tokenizer = Tokenizer(plan.checkpoint.folder / "tokenizer.json", plan.recipe.teacher.max_tokens)
        self._training = TrainingTexts(plan.dataset.train.texts, plan.recipe.teacher.max_tokens, plan.recipe.seed)

    def build(self, name: str) -> Path:
        """Return the finished folder of a variant, a step like others."""
        if name not in self._finished:
            console.print(f"[bold]{name}[/]")
            variant = self._variants[name]
            work = (
                partial(self._cascade, variant) if isinstance(variant, CascadePlan) else partial(self._variant, variant)
            )
            self._finished[name] = self._steps.once(variant.key, work)
        return self._finished[name]

    def forget_unused_steps(self, most: int = 0) -> None:
        """Remove the steps of earlier recipes, and of builds that did not come to their end, but for so many bytes."""
        needed = set(self.plan.teacher_keys)
        for variant in self.plan.variants:
            needed |= {variant.key, *variant.step_keys}
        self._steps.keep_only(needed, most)

    @cached_property
    def coverages(self) -> dict[str, Coverage]:
        """How much of the training and of the test texts the teacher's tokenizer reads."""
        return coverages(self._tokenizer, self.plan.dataset)

    def _variant(self, variant: VariantPlan, draft: Path) -> None:
        of_torch = [planned.config.pass_name() for planned in variant.torch_passes]
        steps = [*of_torch, "export", *(planned.config.pass_name() for planned in variant.graph_passes), "evaluate"]

        def begin(number: int) -> None:
            tell_step(f"{variant.name}: {steps[number]}", number, len(steps) + 1)  # it is measured and stored then

        ready = [place for place, key in enumerate(variant.graph_keys) if self._steps.has(key)]
        done = ready[-1] if ready else 0
        graph = self._steps.once(
            variant.graph_keys[done],
            self._take if self.plan.checkpoint.is_graph else lambda draft: self._trained.export(variant, begin, draft),
        )
        for number, planned in enumerate(variant.graph_passes[done:], done + len(of_torch) + 1):
            begin(number)
            graph = self._steps.once(planned.key, partial(self._graph_pass, graph, planned.config))
        begin(len(steps) - 1)
        teacher = None if variant.name == TEACHER else self.build(TEACHER)
        finish_variant(self.plan, variant, graph, draft, self.coverages, teacher)

    def _cascade(self, cascade: CascadePlan, draft: Path) -> None:
        parts = {part: self.build(part) for part in (cascade.config.small, cascade.config.large)}
        finish_cascade(self.plan, cascade, parts, draft, self.build(TEACHER))

    def _take(self, draft: Path) -> None:
        checkpoint, labels = self.plan.checkpoint, self.plan.dataset.labels
        take_graph(checkpoint, labels, find_head(checkpoint, labels).rows, self._tokenizer.frame[0], draft)
        write_parameters(draft, count_parameters(checkpoint, len(labels)))
        write_tokenizer(checkpoint.folder / "tokenizer.json", self._training.max_tokens, draft)
        calibrate_folder(draft, self._training)

    def _graph_pass(self, source: Path, config: Pass, draft: Path) -> None:
        PASSES[config.pass_name()].load()(source, draft, config, self._training)
        if not (draft / "config.json").exists():  # but for a pass that changes what it says
            shutil.copyfile(source / "config.json", draft / "config.json")
        counts = read_parameters(source)
        write_parameters(draft, less_words(counts, source, draft) if isinstance(config, Trim) else counts)

    @cached_property
    def _trained(self) -> "Trained":
        # Imported here: torch takes seconds, and is not everywhere.
        from models.build.trained import Trained

        return Trained(self.plan, self._steps, self._tokenizer, self._training)


def _steps_within(finished: Mapping[str, Path], variants: Mapping[str, VariantPlan | CascadePlan]) -> dict[str, Path]:
    """Return which finished variants hold what their last step left."""
    found = {}
    for name, folder in finished.items():
        variant = variants[name]
        if isinstance(variant, VariantPlan):
            found[variant.graph_keys[-1]] = folder
    return found
