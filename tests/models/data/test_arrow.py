from pathlib import Path
from typing import Any

import datasets
import pyarrow
import pytest

from models.runtime.errors import BonsaiError
from tests.models.files import file, parquet_bytes, read

TEXTS = [f"text number {number}" for number in range(60)]
NUMBERS = [number % 3 for number in range(60)]
NAMES = ["late", "lost", "refund"]


def test_names_of_classes_take_the_place_of_their_numbers(tmp_path: Path) -> None:
    named = read(file(tmp_path, "d.parquet", parquet_bytes({"text": TEXTS, "label": NUMBERS}, NAMES)))
    assert named.labels == tuple(NAMES)
    assert all(
        named.labels[label] == NAMES[int(text.split()[-1]) % 3]
        for text, label in zip(named.train.texts, named.train.labels, strict=True)
    )


def test_a_folder_that_datasets_saved_to_disk_is_read(tmp_path: Path) -> None:
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=NAMES)})
    saved = {
        split: datasets.Dataset.from_dict({"text": [f"{split} {text}" for text in TEXTS], "label": NUMBERS}, features)
        for split in ("train", "test")
    }
    datasets.DatasetDict(saved).save_to_disk(str(tmp_path / "saved"))
    loaded = datasets.load_from_disk(str(tmp_path / "saved"))
    loaded.map(lambda row: row, load_from_cache_file=False)
    assert list((tmp_path / "saved").glob("train/cache-*.arrow"))  # which is no part of it
    found = read(tmp_path / "saved")
    assert found.labels == tuple(NAMES)
    assert len(found.test) == 60


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([float(number) for number in NUMBERS], ("0", "1", "2")),
        ([f"{number}.0" for number in NUMBERS], ("0", "1", "2")),
        ([number > 0 for number in NUMBERS], ("False", "True")),
        (pyarrow.array([NAMES[number] for number in NUMBERS]).dictionary_encode(), tuple(NAMES)),
        (pyarrow.array(NUMBERS, pyarrow.int8()), ("0", "1", "2")),
        (pyarrow.array(NUMBERS, pyarrow.decimal128(4, 1)), ("0", "1", "2")),
    ],
)
def test_columns_of_every_usable_type_become_labels(tmp_path: Path, labels: Any, expected: tuple[str, ...]) -> None:
    assert read(file(tmp_path, "d.parquet", parquet_bytes({"text": TEXTS, "label": labels}))).labels == expected


GOOD = parquet_bytes({"text": TEXTS, "label": NUMBERS})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            parquet_bytes({"text": TEXTS, "label": [number % 5 for number in range(60)]}, NAMES),
            "d.parquet, row 4: the label 3 has no name; the data names 3 classes",
        ),
        (
            parquet_bytes({"text": TEXTS, "label": [-1, *NUMBERS[1:]]}, NAMES),
            "1 of 60 rows is unusable: d.parquet, row 1: the label is missing",
        ),
        (
            parquet_bytes({"text": TEXTS, "label": [None, *map(float, NUMBERS[1:])]}),
            "d.parquet, row 1: the label is missing",
        ),
        (
            parquet_bytes({"text": TEXTS, "label": pyarrow.nulls(60)}),
            "60 of 60 rows are unusable: .*the label is missing.*and 55 more",
        ),
        (
            parquet_bytes({"text": TEXTS, "label": [number + 0.5 for number in NUMBERS]}),
            "d.parquet, row 1 and d.parquet, row 4: the label is 0.5",
        ),
        (
            parquet_bytes({"text": [text.encode() for text in TEXTS], "label": NUMBERS}),
            "d.parquet, row 1: the text is b'text number 0'",
        ),
        (
            parquet_bytes({"text": TEXTS, "label": pyarrow.array(NUMBERS, pyarrow.timestamp("s"))}),
            "the label is datetime",
        ),
        (
            parquet_bytes({"text": pyarrow.array([b"\xff"] * 60).view(pyarrow.string()), "label": NUMBERS}),
            "d.parquet: not a readable Parquet file",
        ),
        (GOOD[:-30], "d.parquet: not a readable Parquet file"),
        (GOOD[:20] + b"\xff" * 60 + GOOD[80:], "d.parquet: not a readable Parquet file"),
        (b"", "d.parquet: not a readable Parquet file"),
    ],
)
def test_broken_files_and_unusable_columns_are_refused(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(BonsaiError, match=rf"^[^\n]*{said}[^\n]*$"):
        read(file(tmp_path, "d.parquet", content))


def test_a_broken_arrow_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BonsaiError, match=r"d.arrow: not a readable Arrow file"):
        read(file(tmp_path, "d.arrow", b"ARROW1 no"))


def test_a_stream_that_ends_between_two_batches_is_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "train.arrow"
    batches = pyarrow.table({"text": TEXTS, "label": NUMBERS}).to_batches(max_chunksize=20)
    with pyarrow.ipc.new_stream(str(path), batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    whole = path.read_bytes()
    assert len(read(path).train) > 30
    path.write_bytes(whole.removesuffix(b"\xff\xff\xff\xff\0\0\0\0"))
    with pytest.raises(BonsaiError, match=r"train.arrow: cut short: the mark at a stream's end is missing"):
        read(path)


@pytest.mark.parametrize("name", ["label", "type"])
def test_a_date_that_python_has_not_is_no_split_and_no_label(tmp_path: Path, name: str) -> None:
    columns: dict[str, Any] = {"text": TEXTS, "label": NUMBERS}
    columns[name] = pyarrow.array([2**30] * 60, pyarrow.int32()).cast(pyarrow.date32())
    path = file(tmp_path, "d.parquet", parquet_bytes(columns))
    if name == "type":
        assert read(path).labels == ("0", "1", "2")
    else:
        with pytest.raises(BonsaiError, match=r"d.parquet: not a readable Parquet file"):
            read(path)
