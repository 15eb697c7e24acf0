"""Carry out a plan: the teachers, every variant's passes and its export, one finished folder a step; what an earlier
build finished is not made again.
"""

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path

import torch

from models.build.finishing import finish_cascade, finish_variant
from models.graph.calibration import TrainingTexts, calibrate_folder
from models.graph.export import export_onnx
from models.graph.tokenizer import write_tokenizer
from models.plan.plan import TEACHER, CascadePlan, Plan, VariantPlan
from models.plan.steps import Steps
from models.prove.coverage import Coverage, coverages
from models.recipe.passes import PASSES, Pass, SoftLabels
from models.runtime.followed import tell_step
from models.runtime.progress import console
from models.runtime.tokenization import Tokenizer
from models.train.distillation_data import Rows
from models.train.encoder import load_model, save_model
from models.train.teachers import Teachers
from models.train.transfer_sets import TransferSets


class Builder:
    """One build's data, teachers and finished steps; everything heavy is made at its first use."""

    def __init__(self, plan: Plan, out: Path, current: Mapping[str, Path] | None = None) -> None:
        """`current` names the finished folders of variants that are as the plan wants them."""
        # Adam's momentum of words that no batch holds decays into denormals, which the CPU computes some 15 times
        # slower: 300 ms instead of 20 ms a step over all-MiniLM's vocabulary. Threads inherit the setting, so it comes
        # before the first operation that starts them.
        torch.set_flush_denormal(True)
        torch.use_deterministic_algorithms(True)
        recipe, dataset = plan.recipe, plan.dataset
        self.plan = plan
        self._variants = {variant.name: variant for variant in plan.variants}
        self._finished = dict(current or {})
        self._steps = Steps(out / ".steps")
        self._tokenizer = Tokenizer(plan.checkpoint.folder / "tokenizer.json", recipe.teacher.max_tokens)
        self._training = TrainingTexts(dataset.train.texts, recipe.teacher.max_tokens, recipe.seed)
        rows = Rows(dataset, self._tokenizer)
        self._teachers = Teachers(plan, rows, self._steps)
        self._transfer_sets = TransferSets(
            dataset,
            self._tokenizer,
            rows,
            self._teachers.model,
            transfer=plan.transfer,
            teachers=plan.teacher_counts,
            seed=recipe.seed,
        )

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

    def forget_unused_steps(self) -> None:
        """Remove the steps of earlier recipes."""
        needed = set(self.plan.teacher_keys)
        for variant in self.plan.variants:
            needed |= {variant.key, *variant.step_keys}
        self._steps.keep_only(needed)

    @cached_property
    def coverages(self) -> dict[str, Coverage]:
        """How much of the training and of the test texts the teacher's tokenizer reads."""
        return coverages(self._tokenizer, self.plan.dataset)

    def _variant(self, variant: VariantPlan, draft: Path) -> None:
        steps = [
            *(planned.config.pass_name() for planned in variant.torch_passes),
            "export",
            *(planned.config.pass_name() for planned in variant.graph_passes),
            "evaluate",
        ]
        turn = iter(enumerate(steps))

        def begin() -> None:
            number, step = next(turn)
            tell_step(f"{variant.name}: {step}", number, len(steps) + 1)  # one more: it is measured and stored

        trained = self._teachers.folder()
        for planned in variant.torch_passes:
            begin()
            trained = self._steps.once(planned.key, self._model_pass(trained, planned.config))
        begin()
        exported = self._steps.once(variant.export_key, partial(self._export, trained))
        for planned in variant.graph_passes:
            begin()
            exported = self._steps.once(planned.key, self._graph_pass(exported, planned.config))
        begin()
        teacher = None if variant.name == TEACHER else self.build(TEACHER)
        finish_variant(self.plan, variant, trained, exported, draft, self.coverages, teacher)

    def _cascade(self, cascade: CascadePlan, draft: Path) -> None:
        parts = {part: self.build(part) for part in (cascade.config.small, cascade.config.large)}
        finish_cascade(self.plan, cascade, parts, draft, self.build(TEACHER))

    def _model_pass(self, source: Path, config: Pass) -> Callable[[Path], None]:
        def work(draft: Path) -> None:
            assert isinstance(config, SoftLabels)
            data = self._transfer_sets.transfer_set(config.transfer, config.teachers)
            save_model(
                PASSES[config.pass_name()].load()(load_model(source), data, config, seed=self.plan.recipe.seed), draft
            )

        return work

    def _graph_pass(self, source: Path, config: Pass) -> Callable[[Path], None]:
        return lambda draft: PASSES[config.pass_name()].load()(source, draft, config, self._training)

    def _export(self, trained: Path, draft: Path) -> None:
        export_onnx(load_model(trained), self._tokenizer.frame[0], draft)
        write_tokenizer(self.plan.checkpoint.folder / "tokenizer.json", self._training.max_tokens, draft)
        calibrate_folder(draft, self._training)
