"""What can be built here: a pass on the graph everywhere, what trains only beside torch."""

from collections.abc import Mapping
from importlib.util import find_spec

from pydantic import TypeAdapter, ValidationError

from models.recipe.passes import MODEL_PASSES, PassConfig
from models.recipe.recipe import Passes
from models.runtime.card import Card
from service.builds.asked import TEACHER, MadeOf

NO_TORCH = "it is to be trained, and torch is not installed here"
GRAPH = "it is to be trained, and the teacher is an ONNX graph, which cannot be"
PASSES: TypeAdapter[list[PassConfig]] = TypeAdapter(Passes)


def trained_anew(passes: MadeOf, known: Mapping[str, Card]) -> bool:
    """Tell whether something is to be trained for passes: they name a pass on the torch model, and no variant that is
    built stands at one of the graphs that come after it.
    """
    try:
        whole = [{one.pass_name(): one.model_dump(mode="json")} for one in PASSES.validate_python(passes)]
    except ValidationError:
        return False  # a cascade, which is made of variants that are there
    trained = [entry for entry in whole if next(iter(entry)) in MODEL_PASSES]
    if not trained:
        return False
    stands = [whole[:count] for count in range(len(trained), len(whole) + 1)]
    return not any(card.cascade is None and card.passes in stands for card in known.values())


def cannot_train(passes: MadeOf, known: Mapping[str, Card]) -> str:
    """Return why passes cannot be made here; nothing where they can, or where what is to be trained is there."""
    if not trained_anew(passes, known):
        return ""
    return GRAPH if not is_trainable(known) else "" if has_torch() else NO_TORCH


def is_trainable(known: Mapping[str, Card]) -> bool:
    """Tell whether the teacher has weights to train; one that was taken as an ONNX graph was made without torch."""
    return "torch" in known[TEACHER].libraries


def has_torch() -> bool:
    """Tell whether anything can be trained here."""
    return find_spec("torch") is not None and find_spec("models.train") is not None
