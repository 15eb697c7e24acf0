"""How many parameters the model behind a graph has: noted beside it when it is exported, for an optimized graph does
not tell.
"""

import json
from pathlib import Path

from tokenizers import Tokenizer

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


def less_words(counts: dict[str, int], folder: Path) -> dict[str, int]:
    """Take off the word embeddings that trimming took, by the folder's configuration, which still tells of all."""
    config = json.loads((folder / "config.json").read_bytes())
    kept = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab_size()
    return {**counts, "all": counts["all"] - (config["vocab_size"] - kept) * config["hidden_size"]}
