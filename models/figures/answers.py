"""Ask a finished build for one text: its hard label, and the logits of the teacher, of the teachers' mean and of every
student.
"""

from pathlib import Path

from models.bench.benchmark import open_build
from models.bench.ensemble import Ensemble
from models.data.dataset import Split
from models.data.rows import SURROGATE
from models.figures.softened import MEAN, Answers
from models.plan.plan import TEACHER, Plan
from models.runtime.classifier import Classifier
from models.runtime.errors import BonsaiError
from models.runtime.loading import load_variants
from models.runtime.store import BUILD_COMMAND
from models.runtime.tokenization import normalization

SPLITS = {"train": "a training row", "validation": "a validation row", "test": "a test row"}


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
    logits: dict[str, list[float]] = {}
    truncated = False
    for name in (TEACHER, *students):
        classifier = loaded[name][1]
        assert isinstance(classifier, Classifier)
        given, cut = classifier.logits([text])
        logits[name], truncated = given[0].tolist(), truncated or cut[0]
    teachers = Ensemble(plan, out / ".steps", 0)
    if teachers.teachers > 1:
        logits = {TEACHER: logits.pop(TEACHER), MEAN: teachers.logits(Split([text], [0]))[0].tolist(), **logits}
    hard, place = _look_up(text, plan)
    return Answers(
        build_id=build.build_id,
        dataset=plan.dataset.name,
        text=text,
        labels=plan.dataset.labels,
        hard=logits[TEACHER].index(max(logits[TEACHER])) if hard is None else hard,
        found_in=place,
        truncated_at=plan.recipe.teacher.max_tokens if truncated else 0,
        logits={name: [round(value, 4) for value in values] for name, values in logits.items()},
    )


def _look_up(text: str, plan: Plan) -> tuple[int | None, str]:
    """Return the label of a row that the tokenizer does not tell from the text, and the split that holds it."""
    normalize = normalization(plan.checkpoint.folder / "tokenizer.json")
    key = normalize(text)
    for name, place in SPLITS.items():
        split: Split = getattr(plan.dataset, name)
        for other, label in zip(split.texts, split.labels, strict=True):
            if normalize(other) == key:
                return label, place
    return None, ""
