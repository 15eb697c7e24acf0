"""Carry out a plan: fine-tune the teachers, run every variant's passes, export, evaluate, and leave one finished folder a variant."""

import json
import shutil
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache, partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer as RawTokenizer
from transformers import BertForSequenceClassification

from models.architecture import load_model, parameters, save_model
from models.calibrate import calibrate
from models.card import MODEL_FILE, Card, seal
from models.cascade import Cascade
from models.classifier import Classifier
from models.confidence import fit_temperature
from models.cpu import integer_flags
from models.distill import distill
from models.evaluate import Scores, answers_alone, best_of, score
from models.evidence import read_evidence, write_evidence
from models.export import export_onnx
from models.fine_tune import fine_tune
from models.head import find_head
from models.lessons import Lessons
from models.loading import load_variants
from models.plan import TEACHER, CascadePlan, Plan, VariantPlan, versions_of
from models.progress import console
from models.prune import prune
from models.quantize import quantize
from models.reading import Reading, read, warnings
from models.recipe import Distill, Prune, Trim
from models.steps import Steps
from models.threshold import choose_threshold, differing_at_most
from models.tokenization import Tokenizer, special_tokens
from models.trim import trim
from models.withheld import against_majority, not_better, verdict_of
from models.wording import points

TORCH_PASSES: dict[type, Callable[..., BertForSequenceClassification]] = {Prune: prune, Distill: distill}
CALIBRATION_ROWS = 256  # training texts that set the ranges of static quantization


class Nursery:
    """One build's data, teacher and finished steps; everything heavy is made at its first use."""

    def __init__(self, plan: Plan, out: Path, current: Mapping[str, Path] | None = None) -> None:
        """`current` names the finished folders of variants that are as the plan wants them."""
        # Adam's momentum of words that no batch holds decays into denormals, which the CPU computes some 15 times slower: 300 ms instead of 20 ms a step
        # over all-MiniLM's vocabulary. Threads inherit the setting, so it comes before the first operation that starts them.
        torch.set_flush_denormal(True)
        torch.use_deterministic_algorithms(True)
        self.plan = plan
        self._variants = {variant.name: variant for variant in plan.variants}
        self._finished = dict(current or {})
        self._steps = Steps(out / ".steps")
        self._tokenizer = Tokenizer(plan.checkpoint.folder / "tokenizer.json", plan.recipe.teacher.max_tokens)

    def grow(self, name: str) -> Path:
        """Return the finished folder of a variant, a step like others: what an earlier build finished is not made again."""
        if name not in self._finished:
            console.print(f"[bold]{name}[/]")
            variant = self._variants[name]
            work = partial(self._finish_cascade, variant) if isinstance(variant, CascadePlan) else partial(self._finish_variant, variant)
            self._finished[name] = self._steps.once(variant.key, work)
        return self._finished[name]

    def say_what_comes_in(self) -> None:
        """Say what becomes of the checkpoint's head, and how much of the texts the teacher will see."""
        head = find_head(self.plan.checkpoint, self.plan.dataset.labels)
        if head.rows:
            console.print("the checkpoint's head was trained for these labels: it is kept as it is, and nothing is trained for the teacher", soft_wrap=True)
        elif head.reason:
            console.print(f"a new head is trained, the checkpoint's is not used: {head.reason}", markup=False, soft_wrap=True)
        for name, reading in self.readings.items():
            share = f"{100 * reading.truncated:.1f} % are cut, {100 * reading.unknown:.1f} % of their word pieces are unknown"
            console.print(f"{name} texts: {share}", markup=False)
        for sentence in warnings(self.readings, self.plan.recipe.teacher.max_tokens):
            console.print(f"[bold yellow]warning[/]: {sentence}", soft_wrap=True)

    @cached_property
    def readings(self) -> dict[str, Reading]:
        """How much of the training and of the test texts the teacher's tokenizer reads."""
        return self._read(self._tokenizer)

    def _read(self, tokenizer: Tokenizer) -> dict[str, Reading]:
        return {name: read(tokenizer, split.texts) for name, split in (("training", self.plan.dataset.train), ("test", self.plan.dataset.test))}

    def forget_unused_steps(self) -> None:
        """Remove the steps of earlier recipes."""
        needed = set(self.plan.teacher_keys)
        for variant in self.plan.variants:
            needed |= {variant.key, *variant.step_keys}
        self._steps.keep_only(needed)

    @cached_property
    def _lessons(self) -> Lessons:
        return Lessons(self.plan.dataset, self._tokenizer, self._teacher, self.plan.transfer, self.plan.teacher_counts, self.plan.recipe.seed)

    @lru_cache(maxsize=1)  # noqa: B019  (one nursery lives as long as its build)
    def _teacher(self, number: int) -> BertForSequenceClassification:
        return load_model(self._teacher_folder(number))

    def _teacher_folder(self, number: int = 0) -> Path:
        def work(draft: Path) -> None:
            plan = self.plan
            seed, title = plan.recipe.seed + number, f"teacher {number + 1}" if number else TEACHER
            save_model(fine_tune(plan.checkpoint, plan.dataset.labels, *self._lessons.rows, plan.recipe.teacher, seed=seed, title=title), draft)

        return self._steps.once(self.plan.teacher_keys[number], work)

    def _export(self, trained: Path, draft: Path) -> None:
        export_onnx(load_model(trained), self._tokenizer.frame[0], draft)
        write_tokenizer(self.plan, draft)
        self._calibrate(draft)

    def _calibrate(self, folder: Path) -> None:
        """Note the ranges of a graph's activations over training texts, cut into pieces by the tokenizer that it will have."""
        texts = self.plan.dataset.train.texts
        some = Random(self.plan.recipe.seed).sample(texts, min(CALIBRATION_ROWS, len(texts)))
        calibrate(folder / MODEL_FILE, Tokenizer(folder / "tokenizer.json", self.plan.recipe.teacher.max_tokens).encode(some)[0])

    def _graph_pass(self, source: Path, config: Any, draft: Path) -> None:
        shutil.copyfile(source / "tokenizer_config.json", draft / "tokenizer_config.json")
        if isinstance(config, Trim):
            trim(source, draft, config, self.plan.dataset.train.texts, self.plan.recipe.teacher.max_tokens)
            self._calibrate(draft)
        else:
            shutil.copyfile(source / "tokenizer.json", draft / "tokenizer.json")
            quantize(source / MODEL_FILE, draft / MODEL_FILE, config)

    def _torch_pass(self, source: Path, config: Any) -> Callable[[Path], None]:
        def work(draft: Path) -> None:
            lesson = self._lessons.lesson(config.transfer, config.teachers)
            save_model(TORCH_PASSES[type(config)](load_model(source), lesson, config, seed=self.plan.recipe.seed), draft)

        return work

    def _finish_variant(self, variant: VariantPlan, draft: Path) -> None:
        """Put a Hugging Face ONNX folder together, evaluate it there and seal it with its card."""
        trained = self._teacher_folder()
        for torch_pass in variant.torch_passes:
            trained = self._steps.once(torch_pass.key, self._torch_pass(trained, torch_pass.config))
        exported = self._steps.once(variant.export_key, partial(self._export, trained))
        for graph_pass in variant.graph_passes:
            exported = self._steps.once(graph_pass.key, partial(self._graph_pass, exported, graph_pass.config))
        for folder, name in ((exported, MODEL_FILE), (exported, "tokenizer.json"), (exported, "tokenizer_config.json"), (trained, "config.json")):
            shutil.copyfile(folder / name, draft / name)
        dataset, max_tokens = self.plan.dataset, self.plan.recipe.teacher.max_tokens
        classifier = Classifier(draft, max_tokens=max_tokens)
        classifier.temperature = fit_temperature(classifier.logits(dataset.validation.texts)[0], np.array(dataset.validation.labels))
        alone, invariance = answers_alone(classifier, dataset.test.texts, seed=self.plan.recipe.seed)
        trimmed = any(isinstance(graph_pass.config, Trim) for graph_pass in variant.graph_passes)
        readings = self._read(Tokenizer(draft / "tokenizer.json", max_tokens)) if trimmed else self.readings
        content = {
            "kind": TEACHER if variant.name == TEACHER else "variant",
            "passes": variant.passes,
            "parameters": _parameters(trained, draft if trimmed else None),
            "temperature": classifier.temperature,
            "unknown_tokens": {name: reading.unknown for name, reading in readings.items()},
            "truncated_texts": {name: reading.truncated for name, reading in readings.items()},
            "invariance": invariance,
        }
        self._seal(variant.name, draft, score(classifier, dataset, seed=self.plan.recipe.seed, alone=alone), content)

    def _finish_cascade(self, plan: CascadePlan, draft: Path) -> None:
        """Choose the cascade's threshold on validation data, evaluate it and seal it with its card."""
        dataset, folders = self.plan.dataset, {part: self.grow(part) for part in (plan.config.small, plan.config.large)}
        (small_card, small), (large_card, large) = load_variants(folders).values()
        by_small, by_large = (best_of(part, dataset.validation.texts) for part in (small, large))
        differing = by_small.labels != by_large.labels
        threshold = choose_threshold(by_small.confidence, differing, plan.config.max_drop / 100)
        at_most = differing_at_most(threshold, by_small.confidence, differing)
        cascade = Cascade(small, large, threshold)
        scores = score(cascade, dataset, seed=self.plan.recipe.seed)
        escalated = float((best_of(small, dataset.test.texts).confidence < threshold).mean())
        parts = {"small": plan.config.small, "small_version": small_card.version, "large": plan.config.large, "large_version": large_card.version}
        content = {
            "kind": "cascade",
            "passes": [{"cascade": plan.config.model_dump(mode="json")}],
            "parameters": {name: small_card.parameters[name] + large_card.parameters[name] for name in small_card.parameters},
            "bytes": small_card.bytes + large_card.bytes,
            "temperature": cascade.temperature,
            "cascade": {**parts, "threshold": threshold, "escalated": escalated, "differing_at_most": at_most},
        }
        console.print(
            f"  cascade: {100 * escalated:.1f} % of the test texts go from {plan.config.small} to {plan.config.large}; at most {100 * at_most:.2f} % "
            f"of all keep another label than {plan.config.large}'s (95 % bound by {len(differing):,} validation rows)",
            soft_wrap=True,
        )
        self._seal(plan.name, draft, scores, content)

    def _seal(self, name: str, draft: Path, scores: Scores, content: dict[str, Any]) -> None:
        """Judge the variant beside the teacher, and write its card and its evidence."""
        plan = self.plan
        gold, given, labels, gate = np.array(plan.dataset.test.labels), scores.evidence.labels, plan.dataset.labels, plan.recipe.gate
        teacher = given if name == TEACHER else read_evidence(self.grow(TEACHER)).labels
        described: dict[str, Any] = plan.dataset.describe()
        if name != TEACHER:
            content["gate"] = verdict_of(gold, teacher, given, labels, gate, described.get("overlap", {}).get("trained_on", 0))
        write_evidence(draft, scores.evidence)
        card = seal(
            draft,
            name=name,
            teacher=plan.teacher,
            dataset=described,
            seed=plan.recipe.seed,
            max_tokens=plan.recipe.teacher.max_tokens,
            libraries=versions_of(),
            cpu_flags=integer_flags(),
            agreement=float((given == teacher).mean()),
            majority=against_majority(gold, given, labels, gate.alpha),
            **content,
            **scores.content,
        )
        found = card.accuracy
        console.print(f"  accuracy {100 * found.value:.2f} [{100 * found.low:.2f}, {100 * found.high:.2f}]{_verdict(card)}", markup=False, soft_wrap=True)


def _verdict(card: Card) -> str:
    """Say what the gate says, and of the teacher only what keeps all variants from passing."""
    if card.gate is None:
        return f", {not_better(card.majority)}" if card.majority and not card.majority.beaten else ""
    said = f", {card.gate.verdict}: drop {points(card.gate.drop)} [{points(card.gate.low)}, {points(card.gate.high)}]"
    return f"{said}; no pass: {card.gate.withheld}" if card.gate.withheld else said


def _parameters(trained: Path, trimmed: Path | None) -> dict[str, int]:
    """Count the parameters of the trained model, less the word embeddings that trimming took."""
    model = load_model(trained)
    counts, rows = parameters(model), model.config.vocab_size
    kept = RawTokenizer.from_file(str(trimmed / "tokenizer.json")).get_vocab_size() if trimmed else rows
    return {**counts, "all": counts["all"] - (rows - kept) * model.config.hidden_size}


def write_tokenizer(plan: Plan, folder: Path) -> None:
    """Write the tokenizer without fixed padding, and the little that transformers needs to load it."""
    file = plan.checkpoint.folder / "tokenizer.json"
    tokenizer = RawTokenizer.from_file(str(file))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(folder / "tokenizer.json"))
    tokens = special_tokens(tokenizer, json.loads(file.read_text(encoding="utf-8")))
    if "pad" not in tokens:  # other programs pad with it, and the mask then hides it: any token will do
        tokens["pad"] = tokens["cls"]
    # The neutral class: BertTokenizerFast would put its own idea of lower case and accents in the place of the file's.
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": plan.recipe.teacher.max_tokens,
        "model_input_names": ["input_ids", "attention_mask"],
        **{f"{role}_token": token for role, token in tokens.items()},
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
