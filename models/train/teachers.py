"""A build's teachers: fine-tunings of one checkpoint with other seeds, each a finished step. The first is the one that
is served.
"""

from functools import lru_cache
from pathlib import Path

from transformers import BertForSequenceClassification

from models.plan.plan import TEACHER, Plan
from models.plan.steps import Steps
from models.train.distillation_data import Rows
from models.train.encoder import load_model, save_model
from models.train.fine_tune import fine_tune


class Teachers:
    """Trained at their first use, found again later; one is in memory at a time."""

    def __init__(self, plan: Plan, rows: Rows, steps: Steps) -> None:
        self._plan, self._rows, self._steps = plan, rows, steps

    def folder(self, number: int = 0) -> Path:
        """Return the folder of a teacher's weights."""
        plan = self._plan

        def work(draft: Path) -> None:
            seed, title = plan.recipe.seed + number, f"teacher {number + 1}" if number else TEACHER
            rows = self._rows.train, self._rows.validation
            save_model(
                fine_tune(plan.checkpoint, plan.dataset.labels, *rows, plan.recipe.teacher, seed=seed, title=title),
                draft,
            )

        return self._steps.once(plan.teacher_keys[number], work)

    @lru_cache(maxsize=1)  # noqa: B019  (one object lives as long as its build)
    def model(self, number: int) -> BertForSequenceClassification:
        """Return a teacher."""
        return load_model(self.folder(number))
