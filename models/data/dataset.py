"""A labelled text data set: read, checked row by row, split, and held against itself."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from random import Random

from models.data.labels import label_order, refuse_same_names, untested_in_words, whole_numbers
from models.data.overlap import count_overlap
from models.data.rows import Row, Unusable, check_rows
from models.data.source import Found, find_source
from models.recipe.recipe import DatasetSource
from models.runtime.errors import BonsaiError
from models.runtime.progress import console

HELD_OUT = 0.1  # share of the training rows that becomes validation data when the source has none
TEST_SHARE = 0.2  # share of a single file that becomes test data
NONE = "None"  # a class in many data sets (none of the others), a gap in some


@dataclass(frozen=True)
class Split:
    """Texts and their label indices, in the order of the source."""

    texts: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.texts)


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
    overlap: dict[str, int] = field(
        default_factory=dict
    )  # what the test shares with the rest, as count_overlap counts it
    skipped: int = 0  # unusable rows, where the recipe lets them be skipped

    def describe(self) -> dict[str, object]:
        """Return what a card says of the data: name, rows by split, number of labels, SHA-256, what its test shares
        with the rest, and which labels it does not test.
        """
        rows = {name: len(getattr(self, name)) for name in ("train", "validation", "test")}
        skipped = {"skipped": self.skipped} if self.skipped else {}
        return {
            "name": self.name,
            "rows": rows,
            **skipped,
            "labels": len(self.labels),
            "sha256": self.sha256,
            "overlap": self.overlap,
            **({"untested": self.untested} if self.untested else {}),
        }

    @property
    def untested(self) -> list[str]:
        """The labels that no test row bears."""
        tested = {*self.test.labels}
        return [label for number, label in enumerate(self.labels) if number not in tested]

    def overlap_in_words(self) -> str | None:
        """Say what the test shares with the rest, where it shares anything."""
        if not any(self.overlap.values()):
            return None
        taught, near, two_labels = (self.overlap[key] for key in ("trained_on", "near_duplicates", "contradictory"))
        restated, repeated = (self.overlap.get(key, 0) for key in ("restated", "repeated"))
        shared = (
            f"of {len(self.test):,} test rows {taught:,} are also training or validation rows and {near:,} are "
            "nearly equal to one"
        )
        shared += f", {restated:,} of them but for case and punctuation" if restated else ""
        again = f"; test rows that repeat another's text: {repeated:,}" if repeated else ""
        return f"{self.name}: {shared}; texts that bear different labels: {two_labels:,}{again}"


def load_dataset(source: DatasetSource, normalize: Callable[[str], str] = str.strip) -> Dataset:
    """Return the data set that `source` names; refuse unusable rows with file, row and reason (BonsaiError).

    Texts that are equal once the tokenizer has normalized them are held out together: else the test would ask what was
    taught.
    """
    try:
        found = find_source(source)
        unusable = Unusable(found.name, source.skip_unusable)
        splits = check_rows(found.tables, source, normalize, unusable)
        _compare(found, unusable.rows)
    except OSError as error:
        raise BonsaiError(
            f"data set '{source.source}': {error.filename or 'it'} cannot be read ({error.strerror or error}); "
            "expected files that are there and that this user may read"
        ) from error
    unusable.settle()
    train, validation, test = _split(found.name, _one_spelling(found.name, splits), source)
    labels = label_order({row.label for row in train})
    if len(labels) < 2:
        raise BonsaiError(
            f"data set '{found.name}': the training rows hold {len(labels)} label(s); a classifier needs at least 2"
        )
    index = {label: number for number, label in enumerate(labels)}
    untaught = Unusable(found.name, source.skip_unusable, rows=len(train) + len(validation) + len(test))
    for row in (*validation, *test):
        if row.label not in index:
            untaught.add(
                row.place, f"the label '{row.label}' occurs in no training row; every label needs training rows"
            )
    untaught.settle()
    kept = {
        "train": train,
        **{
            key: [row for row in rows if row.label in index]
            for key, rows in (("validation", validation), ("test", test))
        },
    }
    if not kept["validation"] or not kept["test"]:
        raise BonsaiError(
            f"data set '{found.name}': no validation or test row bears a label of the training rows; expected the "
            "labels of the training rows"
        )
    parts = {key: Split([row.text for row in rows], [index[row.label] for row in rows]) for key, rows in kept.items()}
    overlap = count_overlap(*([(row.key, row.label) for row in rows] for rows in kept.values()))
    dataset = Dataset(
        found.name,
        labels,
        **parts,
        out_of_scope=found.out_of_scope,
        sha256=digest(labels, parts.values(), found.out_of_scope),
        overlap=overlap,
        skipped=unusable.count + untaught.count,
    )
    if dataset.untested:
        console.print(f"{found.name}: {untested_in_words(dataset.untested)}", markup=False, soft_wrap=True)
    return dataset


def _compare(found: Found, rows: int) -> None:
    """Say where a README names another number of rows than there are: some may be missing."""
    if found.counts.keys() == found.tables.keys() and (said := sum(found.counts.values())) != rows:
        console.print(
            f"{found.name}: its README.md says {said:,} rows (num_examples), and {rows:,} are there",
            markup=False,
            soft_wrap=True,
        )


def digest(labels: tuple[str, ...], parts: Iterable[Split], out_of_scope: tuple[str, ...]) -> str:
    """Return the SHA-256 of all that a build sees of its data."""
    content = [labels, *([part.texts, part.labels] for part in parts), list(out_of_scope)]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _one_spelling(name: str, splits: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Write whole numbers without a point where all labels are such, refuse names that are one but for their case
    (BonsaiError), and say which labels have a single row.
    """
    counts = Counter(row.label for rows in splits.values() for row in rows)
    refuse_same_names(counts, name)
    if NONE in counts:
        console.print(
            f"{name}: {counts[NONE]:,} rows have the label '{NONE}', which is taken for a class; Python writes it "
            "where there is none: leave them out if that is meant",
            markup=False,
            soft_wrap=True,
        )
    alone = [row for rows in splits.values() for row in rows if counts[row.label] == 1]
    if alone:  # a total below the rows, or a piece of a text that a comma without quotes put in the label's place
        which = f"a label has one row alone, '{alone[0].label}'"
        if len(alone) > 1:
            which = f"{len(alone):,} labels have one row alone each, as '{alone[0].label}' has"
        console.print(
            f"{name}: {which} ({alone[0].place}): what is learned of it cannot be tested", markup=False, soft_wrap=True
        )
    whole = whole_numbers(counts)
    return (
        {split: [replace(row, label=whole[row.label]) for row in rows] for split, rows in splits.items()}
        if whole
        else splits
    )


def _split(name: str, splits: dict[str, list[Row]], source: DatasetSource) -> tuple[list[Row], list[Row], list[Row]]:
    """Return training, validation and test rows; those that the source does not have are held out from its training
    rows (BonsaiError).
    """
    train, validation, test = (splits.get(key, []) for key in ("train", "validation", "test"))
    given = train
    missing = [key for key, rows in (("test", test), ("validation", validation)) if not rows]
    for key in missing:
        if key in splits:
            console.print(
                f"{name}: no {key} row is usable, so training rows are held out in their place",
                markup=False,
                soft_wrap=True,
            )
    if not test:
        train, test = _hold_out(train, TEST_SHARE, source.split_seed)
    if not validation:
        train, validation = _hold_out(train, HELD_OUT, source.split_seed)
    if not test or not validation:
        most = max(Counter(label for _, label in {(row.key, row.label) for row in given}).values(), default=0)
        raise BonsaiError(
            f"data set '{name}': no label has more than {most} different text{'s' if most != 1 else ''}, too few to "
            f"hold out {' and '.join(missing)} rows; "
            f"expected at least {len(missing) + 1} a label, one for training and one for each split that has no file"
        )
    return train, validation, test


def _hold_out(rows: list[Row], share: float, seed: int) -> tuple[list[Row], list[Row]]:
    """Split off `share` of the rows of every label, drawn with the seed, equal texts together; a label keeps at least
    one row on the first side.
    """
    kept = Counter(row.label for row in rows)
    quota = {label: max(1, round(count * share)) for label, count in kept.items()}
    equal: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        equal.setdefault(row.key, []).append(number)
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
    left = [row for number, row in enumerate(rows) if number not in held]
    return left, [row for number, row in enumerate(rows) if number in held]
