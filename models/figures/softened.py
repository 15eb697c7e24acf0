"""What a build answered to one text, softened by any temperature, as a table; it can be stored, and drawn again (no
torch).
"""

import textwrap
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from models.bench.comparison import Table, as_markdown
from models.plan.plan import TEACHER
from models.runtime.classifier import Logits, softmax
from models.runtime.errors import BonsaiError
from models.runtime.files import write_json

MEAN = "ensemble"
TEMPERATURES = (1.0, 2.0, 4.0, 8.0)
LABELS = 5
HEADING = 14  # characters a line: labels of several words would make the table wider than a terminal


class Answers(BaseModel):
    """One text's logits, one a label, by what gave them, the teacher first; and its hard label with where that comes
    from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    experiment: str = "softening"
    build_id: str
    dataset: str
    text: str
    labels: tuple[str, ...]
    hard: int
    found_in: str  # "a test row", or nothing where the hard label is the teacher's own answer
    truncated_at: int  # tokens; 0 where the text was read whole
    logits: dict[str, list[float]]

    def soft(self, name: str, temperature: float) -> Logits:
        """Return the probabilities (labels,) that one of them gives at a temperature (Hinton 2015, section 2)."""
        shares: Logits = softmax(np.array([self.logits[name]], dtype=np.float32), temperature)[0]
        return shares

    def best(self, count: int = LABELS) -> list[int]:
        """Return the labels to show: the hard one, what anyone asked would choose, and the teachers' next best up to
        `count`; most likely first.
        """
        order = np.argsort([-one for one in self.logits.get(MEAN, self.logits[TEACHER])], kind="stable").tolist()
        needed = {self.hard, *(int(np.argmax(one)) for one in self.logits.values())}
        rest = [label for label in order if label not in needed]
        return sorted(needed | set(rest[: max(0, count - len(needed))]), key=order.index)


def write_answers(file: Path, answers: Answers) -> None:
    """Store the answers to one text (BonsaiError)."""
    try:
        write_json(file, answers.model_dump(mode="json"))
    except OSError as error:
        raise BonsaiError(
            f"the answers cannot be written to '{file}' ({error.strerror}); choose another file with --result"
        ) from error


def read_answers(file: Path) -> Answers:
    """Read what `write_answers` stored (BonsaiError)."""
    try:
        return Answers.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        reason = error.strerror if isinstance(error, OSError) else error.errors()[0]["msg"]
        raise BonsaiError(
            f"'{file}' holds no answers to a text ({reason}); 'python -m models.figures softening TEXT --result FILE' "
            "stores some"
        ) from error


def table(answers: Answers, shown: list[int]) -> Table:
    """Return the hard label, and the soft ones of all that were asked at each temperature; the last column is what the
    other labels have together.
    """
    heads = ["", "T", *(heading(answers.labels[label]) for label in shown)]
    others = len(answers.labels) - len(shown)
    if others:
        heads.append(f"{others} others")
    hard = ["1" if label == answers.hard else "0" for label in shown]
    rows = [["hard label", "", *hard, *(["0"] if others else [])]]
    for name in answers.logits:
        for temperature in TEMPERATURES:
            soft = answers.soft(name, temperature)
            shares = [float(soft[label]) for label in shown]
            rest = [probability(max(0.0, 1 - sum(shares)))] if others else []
            begin = name if temperature == TEMPERATURES[0] else ""
            rows.append([begin, f"{temperature:g}", *map(probability, shares), *rest])
    return Table(heads, rows)


def notes(answers: Answers) -> list[str]:
    """Return where the hard label comes from, and what was cut off."""
    label = answers.labels[answers.hard]
    found = [
        f"The hard label is that of {answers.found_in} with this text: {label}."
        if answers.found_in
        else f"The text is none of the data set's, so the hard label is the teacher's own answer: {label}."
    ]
    if answers.truncated_at:
        found.append(
            f"The text is longer than the model reads: what follows its first {answers.truncated_at} tokens is cut off."
        )
    return found


def markdown(answers: Answers) -> str:
    """Return the table of a stored text, under it."""
    drawn = table(answers, answers.best())
    plain = Table([head.replace("\n", "") for head in drawn.heads], drawn.rows)
    said = " ".join(notes(answers))
    return f"“{answers.text}”\n\n{as_markdown(plain)}\n\n{answers.dataset}, build {answers.build_id}. {said}\n"


def probability(share: float) -> str:
    """Write a probability so that a small one is not a nought."""
    return f"{share:.3f}" if share >= 0.001 else f"{share:.0e}" if share >= 1e-12 else "0"


def heading(label: str) -> str:
    """Break a label's name between its words, where it is long."""
    return "\n".join(textwrap.wrap(label.replace("_", "_ "), HEADING)).replace("_ ", "_")
