"""Read a labelled text data set (file, folder, hub id or the embedded one), check every row, and split it."""

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from models.errors import BonsaiError
from models.recipe import DatasetSource

EMBEDDED = Path(__file__).parent / "embedded"
TEXT_COLUMNS = ("text", "sentence", "content")
LABEL_COLUMNS = ("label", "category", "intent")
SUFFIXES = (".csv", ".jsonl", ".parquet")
SPLIT_NAMES = {"train": ("train",), "validation": ("validation", "valid", "val", "dev"), "test": ("test",)}
EXTRA = "fields beyond the first line's"
HELD_OUT = 0.1  # share of the training rows that becomes validation data when the source has none
TEST_SHARE = 0.2  # share of a single file that becomes test data


NumberedRow = tuple[int, dict[str, Any]]  # a line's or a row's number, from 1, and its columns


@dataclass(frozen=True)
class Split:
    """Texts and their label indices, in the order of the source."""

    texts: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: list[int]) -> "Split":
        """Return the rows with these indices, in this order."""
        return Split([self.texts[row] for row in rows], [self.labels[row] for row in rows])


@dataclass(frozen=True)
class Dataset:
    """Three disjoint splits over one list of labels, plus texts that belong to none of the labels."""

    name: str
    labels: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    out_of_scope: tuple[str, ...]
    sha256: str

    def describe(self) -> dict[str, object]:
        """Return what a card says of the data: name, rows by split, number of labels and SHA-256."""
        rows = {name: len(getattr(self, name)) for name in ("train", "validation", "test")}
        return {"name": self.name, "rows": rows, "labels": len(self.labels), "sha256": self.sha256}


@dataclass(frozen=True)
class Row:
    """One row as read, and where it stands."""

    text: str
    label: str
    place: str  # "train.csv, line 12": what an error points at


def load_dataset(source: DatasetSource, normalize: Callable[[str], str] = str.strip) -> Dataset:
    """Return the data set that `source` names; refuse unusable rows with file, row and reason (BonsaiError).

    Texts that are equal once the tokenizer has normalized them are held out together: else the test would ask what was taught.
    """
    name, splits, out_of_scope = _read_source(source)
    train, validation, test = (splits.get(key, []) for key in ("train", "validation", "test"))
    if not test:
        train, test = _hold_out(train, TEST_SHARE, source.split_seed, name, normalize)
    if not validation:
        train, validation = _hold_out(train, HELD_OUT, source.split_seed, name, normalize)
    labels = label_order({row.label for row in train})
    if len(labels) < 2:
        raise BonsaiError(f"data set '{name}': the training rows hold {len(labels)} label(s); a classifier needs at least 2")
    index = {label: number for number, label in enumerate(labels)}
    for row in (*validation, *test):
        if row.label not in index:
            raise BonsaiError(f"{row.place}: the label '{row.label}' occurs in no training row; every label needs training rows")
    parts = {key: Split([row.text for row in rows], [index[row.label] for row in rows])
             for key, rows in (("train", train), ("validation", validation), ("test", test))}  # fmt: skip
    digest = hashlib.sha256(json.dumps([labels, *([part.texts, part.labels] for part in parts.values()), out_of_scope]).encode())
    return Dataset(name, labels, **parts, out_of_scope=tuple(out_of_scope), sha256=digest.hexdigest())


def label_order(labels: set[str]) -> tuple[str, ...]:
    """Return labels in the order of a model's outputs: whole numbers as numbers ("2" before "10"), names as text."""
    whole = all(re.fullmatch(r"-?[0-9]+", label) for label in labels)
    return tuple(sorted(labels, key=lambda label: (int(label) if whole else 0, label)))


def _read_source(source: DatasetSource) -> tuple[str, dict[str, list[Row]], list[str]]:
    if source.source == "embedded":
        splits = {key: _read_file(EMBEDDED / f"{key}.csv", source) for key in ("train", "test")}
        with (EMBEDDED / "out_of_scope.csv").open(encoding="utf-8", newline="") as file:
            return "embedded", splits, [row["text"] for row in csv.DictReader(file)]
    path = Path(source.source)
    if path.is_dir():
        return path.name, _read_folder(path, source), []
    if path.is_file():
        return path.stem, {"train": _read_file(path, source)}, []
    if path.suffix in SUFFIXES or not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", source.source):
        raise BonsaiError(
            f"data set '{source.source}': no such file or folder; "
            f"expected 'embedded', a {', '.join(SUFFIXES)} file, a folder with train and test files, or a Hugging Face id"
        )
    return source.source, _read_hub(source), []


def _read_folder(folder: Path, source: DatasetSource) -> dict[str, list[Row]]:
    splits = {}
    for split, names in SPLIT_NAMES.items():
        found = [path for name in names for suffix in SUFFIXES if (path := folder / f"{name}{suffix}").is_file()]
        if len(found) > 1:
            raise BonsaiError(f"data set '{folder}': {split} rows stand in {found[0].name} and in {found[1].name}; expected one file a split")
        if found:
            splits[split] = _read_file(found[0], source)
    if "train" not in splits:
        raise BonsaiError(f"data set '{folder}': no train file; expected train{'|'.join(SUFFIXES)} and, optionally, test and validation files")
    return splits


def _read_file(path: Path, source: DatasetSource) -> list[Row]:
    readers = {".csv": _csv_rows, ".jsonl": _jsonl_rows, ".parquet": _parquet_rows}
    if path.suffix not in readers:
        raise BonsaiError(f"data set '{path}': unknown file type '{path.suffix}'; expected one of {', '.join(SUFFIXES)}")
    return _check_rows(readers[path.suffix](path), source, path.name)


def _utf8(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BonsaiError(f"{path.name}, line {line}: byte {error.start} is not UTF-8 ({error.reason}); expected a UTF-8 file") from error


def _csv_rows(path: Path) -> Iterator[NumberedRow]:
    reader = csv.DictReader(io.StringIO(_utf8(path), newline=""), restkey=EXTRA)
    try:
        for row in reader:
            if EXTRA in row:
                found, columns = len(row) - 1 + len(row[EXTRA]), len(reader.fieldnames or ())
                raise BonsaiError(
                    f"{path.name}, line {reader.line_num}: {found} fields; expected {columns}, as in the first line: put texts with commas in quotes"
                )
            yield reader.line_num, row
    except csv.Error as error:
        raise BonsaiError(f"{path.name}, line {reader.line_num}: not readable as CSV ({error})") from error


def _jsonl_rows(path: Path) -> Iterator[NumberedRow]:
    for number, line in enumerate(_utf8(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise BonsaiError(f"{path.name}, line {number}: not JSON ({error.msg}); expected one object a line") from error
        if not isinstance(row, dict):
            raise BonsaiError(f"{path.name}, line {number}: a JSON {type(row).__name__}; expected one object a line")
        yield number, row


def _parquet_rows(path: Path) -> Iterator[NumberedRow]:
    from pyarrow import ArrowInvalid, parquet  # heavy, and only needed for this file type

    try:
        yield from enumerate(parquet.read_table(path).to_pylist(), 1)
    except ArrowInvalid as error:
        raise BonsaiError(f"{path.name}: not a readable Parquet file ({error})") from error


def _read_hub(source: DatasetSource) -> dict[str, list[Row]]:
    import datasets  # takes seconds to import, and only hub ids need it

    try:
        loaded = datasets.load_dataset(source.source)
    except (OSError, ValueError, datasets.exceptions.DatasetNotFoundError) as error:
        reason = str(error).splitlines()[0]
        raise BonsaiError(f"data set '{source.source}': neither a local path nor a data set that could be loaded from the hub ({reason})") from error
    splits = {}
    for split, names in SPLIT_NAMES.items():
        for name in names:
            if name in loaded:
                rows = loaded[name]
                named = {key: feature.names for key, feature in rows.features.items() if isinstance(feature, datasets.ClassLabel)}
                decoded = ({key: _label_name(named[key], value) if key in named else value for key, value in row.items()} for row in rows)
                splits[split] = _check_rows(enumerate(decoded, 1), source, f"{source.source} {name}")
    if "train" not in splits:
        raise BonsaiError(f"data set '{source.source}': its splits are {', '.join(loaded)}; expected one called train")
    return splits


def _label_name(names: list[str], number: int | None) -> str | None:
    """Return a class label's name; sets without test labels carry -1, which is no label."""
    return None if number is None or number < 0 else names[number]


def _check_rows(rows: Iterable[NumberedRow], source: DatasetSource, file: str) -> list[Row]:
    checked: list[Row] = []
    text_column = label_column = ""
    unit = "row" if file.endswith(".parquet") or "." not in file else "line"
    for number, row in rows:
        if not text_column:
            text_column = _column(row, source.text_column, TEXT_COLUMNS, "text", file)
            label_column = _column(row, source.label_column, LABEL_COLUMNS, "label", file)
        place, text, label = f"{file}, {unit} {number}", row.get(text_column), row.get(label_column)
        if not isinstance(text, str) or not text.strip():
            given = "empty" if text is None or isinstance(text, str) else repr(text)
            raise BonsaiError(f"{place}: the text is {given}; expected a non-empty string")
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise BonsaiError(f"{place}: the text holds half a surrogate pair, which is no character; expected Unicode text")
        if label is None or isinstance(label, float | list | dict) or not str(label).strip():
            raise BonsaiError(f"{place}: the label is {'missing' if label in (None, '') else repr(label)}; expected a name or a whole number")
        checked.append(Row(text, str(label), place))
    if not checked:
        raise BonsaiError(f"{file}: no rows; expected at least one text with its label")
    return checked


def _column(row: dict[str, object], asked: str | None, known: tuple[str, ...], what: str, place: str) -> str:
    for name in (asked,) if asked else known:
        if name in row:
            return name
    accepted = f"'{asked}', as the recipe says" if asked else f"one of {', '.join(known)}, or name it in the recipe as dataset.{what}_column"
    raise BonsaiError(f"{place}: no {what} column; its columns are {', '.join(map(str, row))}; expected {accepted}")


def _hold_out(rows: list[Row], share: float, seed: int, name: str, normalize: Callable[[str], str]) -> tuple[list[Row], list[Row]]:
    """Split off `share` of the rows of every label, drawn with the seed, equal texts together; a label keeps at least one row on the first side."""
    kept = Counter(row.label for row in rows)
    quota = {label: max(1, round(count * share)) for label, count in kept.items()}
    equal: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        equal.setdefault(" ".join(normalize(row.text).split()), []).append(number)
    groups = {number: group for group in equal.values() for number in group}
    order = list(range(len(rows)))
    Random(seed).shuffle(order)
    held: set[int] = set()
    for number in order:
        moved = Counter(rows[other].label for other in groups[number])
        if number not in held and all(quota[label] > 0 and kept[label] > count for label, count in moved.items()):
            held.update(groups[number])
            for label, count in moved.items():
                quota[label] -= count
                kept[label] -= count
    if not held:
        raise BonsaiError(f"data set '{name}': every label has a single row, so none can be held out for validation; expected several rows a label")
    left = [row for number, row in enumerate(rows) if number not in held]
    return left, [row for number, row in enumerate(rows) if number in held]
