"""An experiment over texts whose labels are known: what it would have said, and after how many labels.

Every label is looked at, as in the running service; the order of the texts is chance, so it is shuffled many times.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from models.runtime.classifier import Predictor
from service.evidence.betting import log_capital
from service.evidence.difference import Difference, Verdict, log_threshold
from service.evidence.label_free import disagreement
from service.evidence.paired import VALUES, paired
from service.experiments.errors import Invalid

BATCH = 32
SEED = 0


class Labelled(NamedTuple):
    """Texts and their right labels."""

    texts: list[str]
    labels: list[str]


class Replayed(NamedTuple):
    """What an arm's experiment would have said with all labels, and after how many the verdict came: the 10th, 50th and
    90th percentile over shuffled orders of those that came to one, and their share.
    """

    arm: str
    paired: Difference
    label_free: Difference
    labels: tuple[int, int, int] | None
    decided: float


def read_labelled(file: Path) -> Labelled:
    """Read texts and labels from CSV (columns text and label) or JSON lines (Invalid)."""
    found = Labelled([], [])
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            for number, row in enumerate(_rows(file, lines), 1):
                if isinstance(row, dict) and None in row:  # what csv keeps of fields without a column
                    raise Invalid(
                        f"'{file}', row {number}: there are more fields than columns; expected quotes around a text "
                        "with commas"
                    )
                text, label = (row.get(key) if isinstance(row, dict) else None for key in ("text", "label"))
                if not isinstance(text, str) or not text.strip() or type(label) not in (str, int):
                    raise Invalid(
                        f"'{file}', row {number}: a text or its label is missing; expected 'text' and 'label'"
                    )
                text.encode()
                found.texts.append(text)
                found.labels.append(str(label))
    except OSError as error:
        raise Invalid(f"'{file}' cannot be read ({error.strerror}); expected CSV or JSON lines") from None
    except UnicodeError:  # or half a surrogate pair, which JSON can write
        raise Invalid(f"'{file}' is not UTF-8; expected CSV or JSON lines in UTF-8") from None
    except (ValueError, RecursionError, csv.Error) as error:  # broken, numbers of thousands of digits, deep brackets
        raise Invalid(
            f"'{file}' cannot be read ({error}); expected CSV or JSON lines with 'text' and 'label'"
        ) from None
    if not found.texts:
        raise Invalid(f"'{file}' holds no rows; expected texts and labels")
    return found


def _rows(file: Path, lines: Any) -> Iterator[Any]:
    if file.suffix.lower() in (".jsonl", ".ndjson", ".json"):
        text = lines.read()
        if text.lstrip().startswith("["):
            return iter(json.loads(text, object_pairs_hook=_once))
        return (
            json.loads(line, object_pairs_hook=_once) for line in text.split("\n") if line.strip()
        )  # splitlines would cut a text at U+2028
    found = csv.DictReader(lines)
    _check_once(found.fieldnames or ())
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _check_once([key for key, _ in pairs])
    return dict(pairs)


def _check_once(keys: Sequence[str]) -> None:
    if twice := [key for key, count in Counter(keys).items() if count > 1 and key in ("text", "label")]:
        raise ValueError(f"'{twice[0]}' is there twice")


def labels_of(predictor: Predictor, texts: Sequence[str]) -> list[str]:
    """Return a variant's labels, in batches: those of one by one are the same but for ties."""
    found = list[str]()
    for start in range(0, len(texts), BATCH):
        found += [prediction.label for prediction in predictor.predict(texts[start : start + BATCH])]
    return found


def replay(
    truth: Sequence[str], given: dict[str, list[str]], *, margin: float, alpha: float, shuffles: int
) -> list[Replayed]:
    """Compare the first of the arms, the control, with each other; `margin` is a share, `given` holds each arm's
    labels.
    """
    (_, control), *others = given.items()
    level = alpha / len(others) / 3  # as a service shares it that shadows: with labels, without, and latency
    right = np.array([label == true for label, true in zip(control, truth, strict=True)])
    found = []
    for arm, labels in others:
        own = np.array([label == true for label, true in zip(labels, truth, strict=True)])
        drop = right.astype(int) - own
        waits = _waits(drop, margin, level, shuffles)
        came = [wait for wait in waits if wait is not None]
        spread = tuple(int(np.percentile(came, share, method="nearest")) for share in (10, 50, 90)) if came else None
        differing = sum(a != b for a, b in zip(control, labels, strict=True))
        counts = (int((drop == 1).sum()), int((drop == -1).sum()), int((drop == 0).sum()))
        found.append(
            Replayed(
                arm,
                paired(*counts, margin=margin, alpha=level),
                disagreement(len(labels), differing, margin=margin, alpha=level),
                spread,  # type: ignore[arg-type]
                len(came) / len(waits),
            )
        )
    return found


def _waits(drop: Any, margin: float, alpha: float, shuffles: int) -> list[int | None]:
    """Return the labels after which each order of the outcomes comes to a verdict."""
    random, enough = np.random.default_rng(SEED), log_threshold(alpha)
    waits = list[int | None]()
    for _ in range(shuffles):
        order = random.permutation(drop)
        counts = np.stack([np.cumsum(order == value) for value in VALUES], axis=-1).astype(float)
        crossed = (
            (log_capital(counts, VALUES, 0.0) >= enough)
            | (log_capital(counts, -VALUES, -margin) >= enough)
            | (log_capital(counts, -VALUES, 0.0) >= enough)
        )
        waits.append(int(crossed.argmax()) + 1 if crossed.any() else None)
    return waits


def lines(found: Sequence[Replayed], control: str, rows: int, margin: float) -> list[str]:
    """Return what a terminal shows."""
    said = [f"{rows:,} labelled texts, control '{control}', margin {margin * 100:g} points"]
    for each in found:
        now = each.paired
        said.append(
            f"  {each.arm}: {verdict_words(now.verdict)} with all of them, drop {now.drop * 100:.2f} "
            f"[{now.low * 100:.2f}, {now.high * 100:.2f}] points"
        )
        if each.labels is None:
            more = f"; about {now.further:,} more are expected to decide" if now.further else ""
            said.append(f"    no order of these labels comes to a verdict{more}")
        else:
            few, usual, many = each.labels
            said.append(
                f"    a verdict came after {usual:,} labels in the median ({few:,} to {many:,} in 8 of 10 orders), in "
                f"{each.decided:.0%} of the orders"
            )
        without = each.label_free
        proven = (
            "decides without one label" if without.verdict is Verdict.NOT_WORSE else "decides nothing without labels"
        )
        said.append(f"    {without.drop:.2%} get another label than '{control}' gives: {proven}")
    return said


def verdict_words(verdict: Verdict) -> str:
    """Return a verdict as people say it."""
    return {"not_worse": "not worse"}.get(str(verdict), str(verdict))
