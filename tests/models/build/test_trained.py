import json
from pathlib import Path

import pytest
from transformers import BertConfig

from models.build.trained import _write_config
from models.train.encoder import new_model
from tests.conftest import TINY


@pytest.mark.parametrize("names", [("LABEL_0", "LABEL_1"), ("no", "yes"), ("LABEL_0", "LABEL_1", "LABEL_2")])
def test_the_names_of_labels_are_written_whatever_they_are(tmp_path: Path, names: tuple[str, ...]) -> None:
    config = BertConfig(vocab_size=60, **TINY, num_labels=len(names))
    config.id2label = dict(enumerate(names))
    config.label2id = {name: number for number, name in enumerate(names)}
    _write_config(new_model(config), tmp_path / "config.json")
    content = json.loads((tmp_path / "config.json").read_text())
    assert content["id2label"] == {str(number): name for number, name in enumerate(names)}
    assert content["label2id"] == {name: number for number, name in enumerate(names)}
