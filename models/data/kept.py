"""A data set as a build keeps it beside its variants: read, checked and split, for whatever is added to it later, on
another machine too.
"""

import json
from dataclasses import asdict
from pathlib import Path

from models.data.dataset import Dataset, Split, digest
from models.runtime.errors import BonsaiError
from models.runtime.files import replaced
from models.runtime.store import DATASET_FILE

SPLITS = ("train", "validation", "test")


def write_dataset(dataset: Dataset, folder: Path) -> None:
    """Write texts and labels of all splits in one move."""
    with replaced(folder / DATASET_FILE) as file:
        json.dump(asdict(dataset), file, ensure_ascii=False, separators=(",", ":"))


def read_dataset(folder: Path, sha256: object) -> Dataset:
    """Read what `write_dataset` wrote, if it is the data of this SHA-256 (BonsaiError)."""
    file = folder / DATASET_FILE
    try:
        found = json.loads(file.read_bytes())
        found |= {name: Split(**found[name]) for name in SPLITS}
        found |= {name: tuple(found[name]) for name in ("labels", "out_of_scope")}
        dataset = Dataset(**found)
        own = digest(dataset.labels, [getattr(dataset, name) for name in SPLITS], dataset.out_of_scope)
    except OSError as error:
        raise BonsaiError(f"'{file}', the data of the build, cannot be read ({error.strerror})") from error
    except (ValueError, TypeError, KeyError) as error:
        raise BonsaiError(f"'{file}', the data of the build, is not whole ({error})") from error
    if not own == dataset.sha256 == sha256:
        raise BonsaiError(f"'{file}' holds other data than those of the build")
    return dataset
