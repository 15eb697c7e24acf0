"""What a build knows of one text: its hard label, and the logits of the teacher, of the teachers' mean and of every
student.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.bench.benchmark import open_build
from models.bench.ensemble import Ensemble
from models.data.dataset import Split
from models.data.rows import SURROGATE
from models.plan.plan import TEACHER, Plan
from models.runtime.classifier import Classifier, softmax
from models.runtime.errors import BonsaiError
from models.runtime.loading import load_variants
from models.runtime.store import BUILD_COMMAND
from models.runtime.tokenization import normalization

SPLITS = {"train": "a training row", "validation": "a validation row", "test": "a test row"}
MEAN = "ensemble"
Shares = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Answers:
    """One text's logits (labels,) by what gave them, the teacher first, and its hard label with where that comes
    from.
    """

    text: str
    labels: tuple[str, ...]
    hard: int
    found_in: str  # "a test row", or nothing where the hard label is the teacher's own answer
    truncated_at: int  # tokens; 0 where the text was read whole
    logits: dict[str, Shares]

    def soft(self, name: str, temperature: float) -> Shares:
        """Return the probabilities (labels,) that one of them gives at a temperature (Hinton 2015, section 2)."""
        shares: Shares = softmax(self.logits[name][None], temperature)[0]
        return shares

    def best(self, count: int) -> list[int]:
        """Return the labels to show: the hard one, what anyone asked would choose, and the teachers' next best up to
        `count`; most likely first.
        """
        order = np.argsort(-self.logits[MEAN if MEAN in self.logits else TEACHER], kind="stable").tolist()
        needed = {self.hard, *(int(one.argmax()) for one in self.logits.values())}
        rest = [label for label in order if label not in needed]
        return sorted(needed | set(rest[: max(0, count - len(needed))]), key=order.index)


def ask(out: Path, source: str | None, text: str) -> Answers:
    """Ask a build's teacher, teachers and students for one text; `source` is where its data set stands now
    (BonsaiError).
    """
    if not text.strip():
        raise BonsaiError('the text is empty; expected a text in quotes, as in softening "where is my parcel"')
    if SURROGATE.search(text):
        raise BonsaiError("the text holds half a surrogate pair, which is no character; expected Unicode text")
    build, plan = open_build(out, source)
    loaded = load_variants({name: out / name for name in build.variants})
    students = [name for name, (card, _) in loaded.items() if any("distill" in entry for entry in card.passes)]
    if not students:
        raise BonsaiError(
            f"no variant in '{out}' is distilled ({', '.join(loaded)}); expected a student: run '{BUILD_COMMAND} "
            "--recipe F' with a distill pass in the recipe"
        )
    logits: dict[str, Shares] = {}
    truncated = False
    for name in (TEACHER, *students):
        classifier = loaded[name][1]
        assert isinstance(classifier, Classifier)
        given, cut = classifier.logits([text])
        logits[name], truncated = given[0], truncated or cut[0]
    teachers = Ensemble(plan, out / ".steps", 0)
    if teachers.teachers > 1:
        logits = {TEACHER: logits.pop(TEACHER), MEAN: teachers.logits(Split([text], [0]))[0].numpy(), **logits}
    labels, (hard, place) = plan.dataset.labels, _look_up(text, plan)
    return Answers(
        text,
        labels,
        int(logits[TEACHER].argmax()) if hard is None else hard,
        place,
        plan.recipe.teacher.max_tokens if truncated else 0,
        logits,
    )


def _look_up(text: str, plan: Plan) -> tuple[int | None, str]:
    """Return the label of a row that the tokenizer does not tell from the text, and the split that holds it."""
    normalize = normalization(plan.checkpoint.folder / "tokenizer.json")
    key = _key(normalize(text))
    for name, place in SPLITS.items():
        split: Split = getattr(plan.dataset, name)
        for other, label in zip(split.texts, split.labels, strict=True):
            if _key(normalize(other)) == key:
                return label, place
    return None, ""


def _key(text: str) -> str:
    """Write a text as models/data/rows.py compares texts."""
    return " ".join(text.split())
