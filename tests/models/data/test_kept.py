import json
from pathlib import Path

import pytest

from models.data.dataset import Dataset, load_dataset
from models.data.kept import read_dataset, write_dataset
from models.recipe.recipe import DatasetSource
from models.runtime.errors import BonsaiError


@pytest.mark.parametrize("source", ["tiny", "embedded"])
def test_a_data_set_is_kept_whole(dataset: Dataset, tmp_path: Path, source: str) -> None:
    given = dataset if source == "tiny" else load_dataset(DatasetSource())
    write_dataset(given, tmp_path)
    assert read_dataset(tmp_path, given.sha256) == given


def test_what_is_not_the_builds_data_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(BonsaiError, match="cannot be read"):
        read_dataset(tmp_path, dataset.sha256)
    write_dataset(dataset, tmp_path)
    with pytest.raises(BonsaiError, match="holds other data than those of the build"):
        read_dataset(tmp_path, "0" * 64)
    file = tmp_path / "dataset.json"
    content = json.loads(file.read_text())
    content["test"]["labels"][0] ^= 1
    file.write_text(json.dumps(content))
    with pytest.raises(BonsaiError, match="holds other data"):
        read_dataset(tmp_path, dataset.sha256)
    file.write_text(file.read_text()[:100])
    with pytest.raises(BonsaiError, match="is not whole"):
        read_dataset(tmp_path, dataset.sha256)
