"""Carry out a plan: fine-tune the teacher, run every variant's passes, export, evaluate, and leave one finished folder a variant."""

import json
import shutil
from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer as RawTokenizer
from transformers import BertForSequenceClassification

from models.architecture import load_model, parameters, save_model
from models.card import MODEL_FILE, seal
from models.classifier import Classifier
from models.distill import distill
from models.evaluate import evaluate
from models.export import export_onnx
from models.fine_tune import fine_tune
from models.plan import TEACHER, Plan, VariantPlan, library_versions
from models.progress import console
from models.prune import prune
from models.quantize import quantize
from models.recipe import Distill, Prune, Quantize
from models.statistics import Labels
from models.steps import Steps, publish
from models.tokenization import Tokenizer
from models.training import Lesson, signal_of, tokenize

TORCH_PASSES: dict[type, Callable[..., BertForSequenceClassification]] = {Prune: prune, Distill: distill}
GRAPH_PASSES: dict[type, Callable[..., None]] = {Quantize: quantize}
LABELS_FILE = "predicted.json"


class Nursery:
    """One build's data, teacher and finished steps; everything heavy is made at its first use."""

    def __init__(self, plan: Plan, out: Path) -> None:
        torch.use_deterministic_algorithms(True)
        self.plan = plan
        self._out = out
        self._steps = Steps(out / ".steps")
        self._tokenizer = Tokenizer(plan.checkpoint.folder / "tokenizer.json", plan.recipe.teacher.max_tokens)

    def grow(self, variant: VariantPlan) -> Path:
        """Return the finished folder of a variant; steps that an earlier build finished are not run again."""
        target = self._out / variant.name
        console.print(f"[bold]{variant.name}[/]")
        folder = self._teacher_folder
        for step in variant.torch_passes:
            folder = self._steps.once(step.key, self._torch_pass(folder, step.config))
        trained = folder
        folder = self._steps.once(variant.export_key, partial(_export, trained))
        for step in variant.graph_passes:
            folder = self._steps.once(step.key, partial(GRAPH_PASSES[type(step.config)], folder, config=step.config))
        publish(self._assemble(variant, trained, folder), target)
        return target

    def forget_unused_steps(self) -> None:
        """Remove the steps of earlier recipes."""
        needed = {self.plan.teacher_key}
        for variant in self.plan.variants:
            needed |= variant.step_keys
        self._steps.keep_only(needed)

    @cached_property
    def _lesson_data(self) -> tuple[Any, Any]:
        return tokenize(self._tokenizer, self.plan.dataset.train), tokenize(self._tokenizer, self.plan.dataset.validation)

    @cached_property
    def _teacher_folder(self) -> Path:
        def work(draft: Path) -> None:
            plan = self.plan
            save_model(fine_tune(plan.checkpoint, plan.dataset.labels, *self._lesson_data, plan.recipe.teacher, seed=plan.recipe.seed), draft)

        return self._steps.once(self.plan.teacher_key, work)

    @cached_property
    def _lesson(self) -> Lesson:
        data, validation = self._lesson_data
        return Lesson(data, validation, signal_of(load_model(self._teacher_folder), data))

    def _torch_pass(self, source: Path, config: Any) -> Callable[[Path], None]:
        def work(draft: Path) -> None:
            save_model(TORCH_PASSES[type(config)](load_model(source), self._lesson, config, seed=self.plan.recipe.seed), draft)

        return work

    def _assemble(self, variant: VariantPlan, trained: Path, exported: Path) -> Path:
        """Put a Hugging Face ONNX folder together in a draft, evaluate it there and seal it with its card."""
        draft = self._out / f".draft-{variant.name}"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        shutil.copyfile(exported / MODEL_FILE, draft / MODEL_FILE)
        shutil.copyfile(trained / "config.json", draft / "config.json")
        write_tokenizer(self.plan, draft)
        plan = self.plan
        content: dict[str, Any] = {
            "name": variant.name,
            "kind": TEACHER if variant.name == TEACHER else "variant",
            "passes": variant.passes,
            "teacher": {
                "source": plan.checkpoint.name,
                "fingerprint": plan.checkpoint.fingerprint,
                **plan.recipe.teacher.model_dump(exclude={"source"}, exclude_none=True),
            },
            "dataset": plan.dataset.describe(),
            "seed": plan.recipe.seed,
            "parameters": parameters(load_model(trained)),
            "max_tokens": plan.recipe.teacher.max_tokens,
            "temperature": 1.0,
            "libraries": library_versions(),
        }
        evaluation = evaluate(Classifier(draft, max_tokens=plan.recipe.teacher.max_tokens), plan.dataset.test, title="evaluate")
        teacher_given = evaluation.given if variant.name == TEACHER else read_given(self._out / TEACHER)
        (draft / LABELS_FILE).write_text(json.dumps(evaluation.given.tolist()))
        agreement = float((evaluation.given == teacher_given).mean())
        seal(draft, **content, accuracy=evaluation.accuracy, macro_f1=evaluation.macro_f1, agreement=agreement)
        return draft


def _export(trained: Path, draft: Path) -> None:
    export_onnx(load_model(trained), draft)


def read_given(folder: Path) -> Labels:
    """Return the label numbers that a finished variant gave to the test texts at batch 1."""
    return np.array(json.loads((folder / LABELS_FILE).read_text()), dtype=np.int64)


def write_tokenizer(plan: Plan, folder: Path) -> None:
    """Write the tokenizer without fixed padding, and the little that transformers needs to load it."""
    tokenizer = RawTokenizer.from_file(str(plan.checkpoint.folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "BertTokenizerFast", "model_max_length": plan.recipe.teacher.max_tokens, "model_input_names": ["input_ids", "attention_mask"]}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
