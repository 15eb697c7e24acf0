"""Whether a checkpoint's classification head was trained for the data set's labels, and which of its outputs stands for
which (no torch).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from models.data.labels import label_name
from models.plan.checkpoint import Checkpoint
from models.runtime.errors import BonsaiError

ARCHITECTURE = "BertForSequenceClassification"
SINGLE_LABEL = (None, "single_label_classification")
HELP = f"take {ARCHITECTURE} out of config.json's architectures to have a new head trained"


@dataclass(frozen=True)
class Head:
    """The checkpoint's output for every label, in their order; none where a new head is to be trained, and `reason`
    says why one that is there is of no use.
    """

    rows: tuple[int, ...] = ()
    reason: str = ""


def find_head(checkpoint: Checkpoint, labels: tuple[str, ...]) -> Head:
    """Match the head's names with the labels; LABEL_3 is the label 3. Refuse a head for these labels that is not whole
    or was not trained for one of them.
    """
    config, outputs = checkpoint.config, checkpoint.weights.outputs
    architectures = config.get("architectures")
    if not isinstance(architectures, list) or ARCHITECTURE not in architectures:
        return Head(reason=f"config.json's architectures do not name {ARCHITECTURE}" if outputs else "")
    try:
        rows = _match(_names(config, outputs), labels)
    except ValueError as error:
        return Head(reason=str(error))
    teacher, kind = f"teacher '{checkpoint.name}':", config.get("problem_type")
    repair = "a graph is taken as it is" if checkpoint.is_graph else HELP
    if odd := _other_number(config, labels, rows):
        raise BonsaiError(f"{teacher} {odd}; expected two tables that agree: correct the wrong one, or leave it out")
    if kind not in SINGLE_LABEL:
        raise BonsaiError(
            f"{teacher} its {'graph' if checkpoint.is_graph else 'head for these labels'} was trained for '{kind}'; "
            f"expected one for a single label a text: {repair}"
        )
    if checkpoint.is_graph and not outputs:  # a graph need not say how many it has
        return Head(rows)
    if outputs != len(labels) or not (checkpoint.is_graph or checkpoint.weights.has_pooler):
        found = f"a head with {outputs} outputs" if outputs != len(labels) else "no pooler"
        raise BonsaiError(
            f"{teacher} config.json names the data's {len(labels)} labels, but its weights have {found}; {repair}"
        )
    if beside := checkpoint.weights.beside:
        raise BonsaiError(
            f"{teacher} its head for these labels is kept, but model.safetensors has {beside} beside it, which "
            f"{ARCHITECTURE} does not read; expected a body, its pooler and one linear classifier: {repair}"
        )
    return Head(rows)


def _names(config: Mapping[str, object], outputs: int) -> list[str]:
    """Return the names of the head's outputs (ValueError when they say nothing)."""
    given = config.get("id2label")
    if given is None and isinstance(numbers := config.get("label2id"), dict):  # the same table, the other way round
        given = {number: name for name, number in numbers.items()}
    if given is None:  # save_pretrained leaves them out where they are these two
        return [f"LABEL_{number}" for number in range(outputs or 2)]
    if not isinstance(given, dict) or set(map(str, given)) != set(map(str, range(len(given)))):
        raise ValueError("config.json's id2label does not number its names from 0 on")
    by_number = {str(number): name for number, name in given.items()}
    names = [by_number[str(number)] for number in range(len(given))]
    if odd := [name for name in names if not isinstance(name, str | int) or isinstance(name, bool)]:
        raise ValueError(f"config.json's id2label holds {odd[0]!r}, which is no name")
    return [label_name(name) or str(name) for name in names]  # in the spelling that the data's labels have


def _other_number(config: Mapping[str, object], labels: tuple[str, ...], rows: tuple[int, ...]) -> str:
    """Return what label2id says of a label otherwise than id2label; labels that it does not name tell nothing: who
    sets id2label alone leaves an older table behind.
    """
    given = config.get("label2id")
    numbers = {_spelled(name): number for name, number in given.items()} if isinstance(given, dict) else {}
    for label, row in zip(labels, rows, strict=True):
        if label in numbers and str(numbers[label]) != str(row):
            return f"config.json's label2id has {numbers[label]} for '{label}', its id2label {row}"
    return ""


def _spelled(name: str) -> str | None:
    """Return a name in the spelling that the data's labels have; None for what can be none of them."""
    try:
        return label_name(name)
    except ValueError:
        return None


def _match(names: list[str], labels: tuple[str, ...]) -> tuple[int, ...]:
    """Return which output stands for every label (ValueError when some stand for none, or it is unknown for which)."""
    if len(set(names)) < len(names):
        raise ValueError("config.json's id2label names two outputs alike")
    default = [f"LABEL_{number}" for number in range(len(names))]
    if names == default and set(labels) == {str(number) for number in range(len(names))}:
        names = [str(number) for number in range(len(names))]
    places = {name: number for number, name in enumerate(names)}
    if places.keys() == set(labels):
        return tuple(places[label] for label in labels)
    if names == default:
        raise ValueError(
            f"it is for {len(names)} labels without names, the data has {len(labels)} named {labels[0]}, {labels[1]}, …"
        )
    other = sorted(places.keys() ^ set(labels))[0]
    raise ValueError(
        f"it is for other labels than the data's: '{other}' is one of {'the head' if other in places else 'the data'} "
        "alone"
    )
