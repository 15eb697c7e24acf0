"""A finished teacher in its checkpoint's place: enough to plan what a pass on the graph makes of it, with neither the
checkpoint nor what trained it at hand.
"""

import json
from pathlib import Path

from models.plan.checkpoint import Checkpoint
from models.plan.plan import TRAINING_LIBRARIES, Training
from models.plan.weights import Weights
from models.runtime.card import read_card
from models.runtime.errors import BonsaiError


def read_built_teacher(folder: Path) -> tuple[Checkpoint, Training]:
    """Return the checkpoint as far as its variant tells of it, and how the teacher was trained, by its card
    (BonsaiError).
    """
    card = read_card(folder)
    try:
        config = json.loads((folder / "config.json").read_bytes())
        tokenizer = json.loads((folder / "tokenizer.json").read_bytes())["model"]["type"]
        about = card.teacher
        training = Training(
            {name: card.libraries[name] for name in TRAINING_LIBRARIES if name in card.libraries},
            about["precision"],
            about["keeps_head"],
        )
        return Checkpoint(about["source"], folder, about["fingerprint"], config, Weights({}, 0), tokenizer), training
    except (OSError, ValueError, KeyError) as error:
        raise BonsaiError(f"'{folder}' does not say how the teacher was made ({error})") from error
