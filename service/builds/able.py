"""What can be built here: a pass on the graph everywhere, what trains only beside torch."""

from collections.abc import Mapping
from importlib.util import find_spec

from pydantic import TypeAdapter, ValidationError

from models.recipe.passes import MODEL_PASSES, PassConfig
from models.recipe.recipe import Passes
from models.runtime.card import Card
from service.builds.asked import MadeOf

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


def is_able(trains: bool) -> bool:
    """Tell whether what trains, or what does not, can be done here."""
    return not trains or (find_spec("torch") is not None and find_spec("models.train") is not None)
