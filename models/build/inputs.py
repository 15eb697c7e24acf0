"""What a build says of its inputs before it begins: what the splits share, what becomes of the checkpoint's head, how
much of the texts is read.
"""

from collections.abc import Mapping

from rich.markup import escape

from models.plan.head import find_head
from models.plan.plan import Plan
from models.plan.tokenizer import said_by_the_file_alone
from models.prove.coverage import Coverage, warnings
from models.runtime.progress import console

OF_SETFIT = "model_head.pkl"


def say_inputs(plan: Plan, coverages: Mapping[str, Coverage]) -> None:
    """Print it, with a warning where more than a fifth of the texts is cut or unknown."""
    if overlap := plan.dataset.overlap_in_words():
        console.print(overlap, markup=False, soft_wrap=True)
    head, reason = find_head(plan.checkpoint, plan.dataset.labels), why_no_head(plan)
    if head.rows:
        console.print(
            "the checkpoint's head was trained for these labels: it is kept as it is, and nothing is trained for the "
            "teacher",
            soft_wrap=True,
        )
    elif reason:
        console.print(f"a new head is trained, the checkpoint's is not used: {reason}", markup=False, soft_wrap=True)
    if said := said_by_the_file_alone(plan.checkpoint.folder, plan.checkpoint.config):
        console.print(f"[bold yellow]warning[/]: {escape(said)}", soft_wrap=True)
    for name, found in coverages.items():
        console.print(
            f"{name} texts: {100 * found.truncated:.1f} % are cut, {100 * found.unknown:.1f} % of their word pieces "
            "are unknown",
            markup=False,
        )
    for sentence in warnings(coverages, plan.recipe.teacher.max_tokens):
        console.print(f"[bold yellow]warning[/]: {escape(sentence)}", soft_wrap=True)


def why_no_head(plan: Plan) -> str:
    """Return why the head that lies with a checkpoint is of no use; nothing where none does."""
    checkpoint = plan.checkpoint
    head = find_head(checkpoint, plan.dataset.labels)
    if head.rows or head.reason:
        return head.reason
    if checkpoint.weights.beside:
        return f"model.safetensors has {checkpoint.weights.beside}, which BertForSequenceClassification does not read"
    if (checkpoint.folder / OF_SETFIT).is_file():
        return f"{OF_SETFIT} is a head of scikit-learn, and a pickle, which is not opened"
    return ""
