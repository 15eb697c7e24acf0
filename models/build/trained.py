"""What of a build needs torch: the teachers, the passes on the torch model, and the export of what they leave."""

import json
from collections.abc import Callable
from pathlib import Path

from transformers import BertForSequenceClassification

from models.build.counted import write_parameters
from models.graph.calibration import TrainingTexts, calibrate_folder
from models.graph.export import export_onnx
from models.graph.tokenizer import write_tokenizer
from models.plan.plan import Plan, VariantPlan
from models.plan.steps import Steps
from models.recipe.passes import PASSES, Pass, SoftLabels
from models.runtime.tokenization import Tokenizer
from models.train.distillation_data import Rows
from models.train.encoder import load_model, parameters, save_model
from models.train.numerics import reproducible
from models.train.teachers import Teachers
from models.train.transfer_sets import TransferSets


class Trained:
    """One build's teachers and what is made of them; everything heavy is made at its first use."""

    def __init__(self, plan: Plan, steps: Steps, tokenizer: Tokenizer, training: TrainingTexts) -> None:
        self._plan, self._steps, self._tokenizer, self._training = plan, steps, tokenizer, training
        rows = Rows(plan.dataset, tokenizer)
        self._teachers = Teachers(plan, rows, steps)
        self._transfer_sets = TransferSets(
            plan.dataset,
            tokenizer,
            rows,
            self._teachers.model,
            transfer=plan.transfer,
            teachers=plan.teacher_counts,
            seed=plan.recipe.seed,
        )

    def export(self, variant: VariantPlan, begin: Callable[[int], None], draft: Path) -> None:
        """Write what a variant's passes leave of the teacher as a graph; `begin` is told the number of each step."""
        with reproducible():
            trained = self._teachers.folder()
            for number, planned in enumerate(variant.torch_passes):
                begin(number)
                trained = self._steps.once(planned.key, self._model_pass(trained, planned.config))
            begin(len(variant.torch_passes))
            model = load_model(trained)
            export_onnx(model, self._tokenizer.frame[0], draft)
        _write_config(model, draft / "config.json")
        write_parameters(draft, parameters(model))
        write_tokenizer(self._plan.checkpoint.folder / "tokenizer.json", self._training.max_tokens, draft)
        calibrate_folder(draft, self._training)

    def _model_pass(self, source: Path, config: Pass) -> Callable[[Path], None]:
        def work(draft: Path) -> None:
            assert isinstance(config, SoftLabels)
            data = self._transfer_sets.transfer_set(config.transfer, config.teachers)
            save_model(
                PASSES[config.pass_name()].load()(load_model(source), data, config, seed=self._plan.recipe.seed), draft
            )

        return work


def _write_config(model: BertForSequenceClassification, file: Path) -> None:
    """Write a model's configuration, with the names of its labels: transformers leaves them out where they are those
    that it would make up itself.
    """
    model.config.to_json_file(file)
    content = json.loads(file.read_text(encoding="utf-8"))
    if "id2label" not in content:
        names = {"id2label": model.config.id2label, "label2id": model.config.label2id}
        file.write_text(json.dumps({**content, **names}, indent=2, sort_keys=True) + "\n", encoding="utf-8")
