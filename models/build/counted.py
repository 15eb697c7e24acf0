"""How many parameters the model behind a graph has: noted beside it when it is exported, for an optimized graph does
not tell.
"""

import json
from pathlib import Path

from models.runtime.card import CARD_FILE, read_card
from models.runtime.files import write_json

PARAMETERS_FILE = "parameters.json"


def write_parameters(folder: Path, counts: dict[str, int]) -> None:
    """Note the parameters of the whole model and of its encoder."""
    write_json(folder / PARAMETERS_FILE, counts)


def read_parameters(folder: Path) -> dict[str, int]:
    """Return what was noted of a step's graph, or what the card says where a finished variant stands for the step."""
    if (folder / CARD_FILE).exists():
        return read_card(folder).parameters
    counts: dict[str, int] = json.loads((folder / PARAMETERS_FILE).read_bytes())
    return counts


def less_words(counts: dict[str, int], before: Path, after: Path) -> dict[str, int]:
    """Take off the word embeddings that trimming took, by the configurations of both folders."""
    all_words, kept = (json.loads((folder / "config.json").read_bytes()) for folder in (before, after))
    gone = all_words["vocab_size"] - kept["vocab_size"]
    return {**counts, "all": counts["all"] - gone * kept["hidden_size"]}
