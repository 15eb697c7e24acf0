"""Which file of a folder holds which split: by its name or its folder's, in the layouts that people and the hub use;
nothing is passed over silently.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from models.data.readers import ACCEPTED, bare_name, file_type
from models.data.splits import SPLIT_WORDS, WORDS, split_of
from models.runtime.errors import BonsaiError
from models.runtime.progress import console

SHARD = re.compile(r"(?P<stem>.*?)-?(?P<number>\d{4,5})(?:-of-(?P<of>\d{4,5}))?(?:-[0-9a-f]{8,})?")
YEARS = range(1900, 2100)
NOT_DATA = re.compile(
    r"(readme|licen[cs]e|notice|citation|changelog)(\.(md|txt|rst|cff|html?))?|dataset_(infos?|dict)\.json|state\.json|_success"
    r"|cache-[0-9a-f]+(_\d+_of_\d+)?\.arrow",  # what map and filter of datasets leave beside a saved split
    re.IGNORECASE,
)


ONE_SPLIT = "data"
HIDDEN = (".", "__")
FORKS = "._"  # what macOS puts beside a file in an archive
NamedFiles = tuple[str, Sequence[str]]  # a split's name, and patterns of its files


@dataclass(frozen=True)
class Shard:
    """One file of a split that is cut into several: what its siblings' names share, its number, and how many there are
    if its name says so.
    """

    family: tuple[str, ...]
    number: int
    of: int | None


def split_files(folder: Path) -> dict[str, list[Path]]:
    """Return the files of every split in the order of their rows; refuse by name what is no data, of no split, or a
    second candidate (BonsaiError).
    """
    found: dict[str, list[Path]] = {}
    files = list(_files(folder))
    for path in files:
        name = path.relative_to(folder)
        if file_type(path) is None:
            raise BonsaiError(
                f"data set '{folder}': '{name}' is of no file type that is read; expected {ACCEPTED}: remove the "
                "file, or name the one to read"
            )
        split = split_of(bare_name(path)) or next(
            (split for parent in reversed(name.parts[:-1]) if (split := split_of(parent))),
            "train" if _is_saved_without_split(path) else None,
        )
        if split is None:
            raise BonsaiError(
                f"data set '{folder}': the name '{name}' says no split, or more than one; expected a name with "
                f"{WORDS}, or name the file itself"
            )
        found.setdefault(split, []).append(path)
    if "train" not in found:
        given = (
            ", ".join(str(path.relative_to(folder)) for paths in found.values() for path in paths) or "no data at all"
        )
        raise BonsaiError(
            f"data set '{folder}': no train file; expected train.csv or another of {ACCEPTED} and, optionally, test "
            f"and validation files; it holds {given}"
        )
    _say_hidden(folder)
    return {split: _in_order(folder, split, found[split]) for split in SPLIT_WORDS if split in found}


def named_files(folder: Path, named: Iterable[NamedFiles], elsewhere: Sequence[str] = ()) -> dict[str, list[Path]]:
    """Return the files of every split that a README names by patterns, and say which it names nowhere, nor `elsewhere`,
    by other patterns; refuse what is not there, in parts or twice (BonsaiError).
    """
    found: dict[str, list[Path]] = {}
    for name, patterns in named:
        split = split_of(name)
        if split is None:
            console.print(f"{folder}: its split {name} is not read", markup=False, soft_wrap=True)
            continue
        if split in found:
            raise BonsaiError(f"data set '{folder}': its README.md names {split} rows twice; expected one such split")
        found[split] = sorted({path for pattern in patterns for path in _matching(folder, pattern)})
        shards = [shard for path in found[split] if (shard := shard_of(path)) is not None]
        for of in {(shard.family, shard.of) for shard in shards if shard.of is not None}:
            _refuse_missing_parts(folder, split, [shard for shard in shards if (shard.family, shard.of) == of])
    for one, other in combinations(found, 2):
        if both := sorted({*found[one]} & {*found[other]}):
            raise BonsaiError(
                f"data set '{folder}': its README.md names '{both[0].relative_to(folder)}' for {one} and for {other}; "
                "expected each file in one split"
            )
    if "train" not in found:
        given = ", ".join(found) or "none"
        raise BonsaiError(f"data set '{folder}': the splits in its README.md are {given}; expected one called train")
    read = {path for paths in found.values() for path in paths} | {
        path for pattern in elsewhere for path in _glob(folder, pattern)
    }
    if left := [str(path.relative_to(folder)) for path in _files(folder) if file_type(path) and path not in read]:
        more = f" and {len(left) - 3} more" if len(left) > 3 else ""
        console.print(
            f"{folder}: {', '.join(left[:3])}{more} not read, for README.md names other files",
            markup=False,
            soft_wrap=True,
        )
    return {split: found[split] for split in SPLIT_WORDS if split in found}


def _matching(folder: Path, pattern: str) -> list[Path]:
    """Return the files inside the folder that a pattern of the hub names (BonsaiError)."""
    paths = _glob(folder, pattern)
    if not paths or any(file_type(path) is None for path in paths):
        what = "a file of no type that is read" if paths else "what is not there"
        raise BonsaiError(
            f"data set '{folder}': its README.md names '{pattern}', {what}; expected files in this folder, of "
            f"{ACCEPTED}"
        )
    return paths


def _glob(folder: Path, pattern: str) -> list[Path]:
    """Return the files inside the folder that a pattern leads to: as on the hub, hidden ones only where it says so."""
    parts = Path(pattern).parts
    if ".." in parts:
        return []
    try:  # `**` leads to folders alone in Python, to all below them on the hub
        paths = list(folder.glob(f"{pattern}/*" if parts and parts[-1] == "**" else pattern))
    except (ValueError, NotImplementedError, IndexError):  # an empty pattern, an absolute one, `a**`
        return []
    asked = any(part.startswith(HIDDEN) for part in parts)
    inside = [path for path in paths if path.is_file()]
    return [
        path for path in inside if asked or not any(part.startswith(HIDDEN) for part in path.relative_to(folder).parts)
    ]


def _files(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Return the files in and below a folder that may be data; refuse a folder that holds itself (BonsaiError)."""
    here = (*above, folder.resolve())
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name.startswith(HIDDEN) or NOT_DATA.fullmatch(path.name):
            continue
        if not path.is_dir():
            yield path
        elif any(one.is_relative_to(path.resolve()) for one in here):
            raise BonsaiError(
                f"data set '{here[0]}': '{path.name}' leads back to a folder that it is in; expected each folder once: "
                "remove the link"
            )
        else:
            yield from _files(path, here)


def _say_hidden(folder: Path) -> None:
    """Say which hidden files of the folder have the names of splits."""
    for path in sorted(folder.iterdir()):
        hidden = path.name.startswith(HIDDEN) and not path.name.startswith(FORKS)
        if hidden and file_type(path) and split_of(bare_name(path)) and path.is_file():
            console.print(
                f"{folder}: '{path.name}' is not read, for names that begin with . or __ are hidden",
                markup=False,
                soft_wrap=True,
            )


def _in_order(folder: Path, split: str, paths: list[Path]) -> list[Path]:
    """Return a split's only file, or all shards of it by their numbers."""
    shards = {path: shard_of(path) for path in paths}
    known = [shard for shard in shards.values() if shard is not None]
    if len(paths) > 1 and (
        len(known) < len(paths) or len({(shard.family, shard.of) for shard in known}) > 1 or _are_years(known)
    ):
        first, second = (path.relative_to(folder) for path in paths[:2])
        more = f", and {len(paths) - 2} more" if len(paths) > 2 else ""
        raise BonsaiError(
            f"data set '{folder}': {split} rows stand in {first} and in {second}{more}; expected one file a split, or "
            f"its parts as {split}-00000-of-00002 …"
        )
    _refuse_missing_parts(folder, split, known)
    return sorted(paths, key=lambda path: shard.number if (shard := shards[path]) is not None else 0)


def _are_years(shards: Sequence[Shard]) -> bool:
    """Tell whether the numbers that shards bear are years, some of which have no file: those are no parts of one
    whole.
    """
    numbers = sorted(shard.number for shard in shards)
    alone = all(shard.of is None and shard.number in YEARS for shard in shards)
    return alone and numbers[-1] - numbers[0] >= len(numbers)


def _refuse_missing_parts(folder: Path, split: str, shards: Sequence[Shard]) -> None:
    if not shards:
        return
    numbers = sorted(shard.number for shard in shards)
    of = shards[0].of
    expected = list(range(of)) if of is not None else list(range(numbers[0], numbers[0] + len(numbers)))
    if numbers != expected:
        missing = ", ".join(map(str, sorted(set(expected) - set(numbers))[:5])) or "none"
        raise BonsaiError(
            f"data set '{folder}': the {split} files bear the numbers {', '.join(map(str, numbers[:8]))}, of "
            f"{len(expected)}; missing: {missing}; "
            "expected every part once"
        )


def _is_saved_without_split(path: Path) -> bool:
    """Tell whether a file is called as `datasets` calls what it saves of rows that belong to no split."""
    shard = shard_of(path)
    return shard is not None and shard.of is not None and shard.family[1] == ONE_SPLIT


def shard_of(path: Path) -> Shard | None:
    """Return which part of a split a file is by its name, if it is one."""
    parts = SHARD.fullmatch(bare_name(path))
    if parts is None:
        return None
    of = int(parts["of"]) if parts["of"] else None
    return Shard((str(path.parent), parts["stem"].lower(), str(file_type(path))), int(parts["number"]), of)
