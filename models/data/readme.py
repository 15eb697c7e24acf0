"""What the README of a folder in the hub's layout says in its YAML: the files of each configuration, and the names of
classes.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from models.data.class_names import names_of_features
from models.data.folder import NamedFiles, named_files, split_files
from models.data.readers import file_type
from models.data.splits import split_of
from models.recipe.recipe import DatasetSource
from models.runtime.errors import BonsaiError
from models.runtime.progress import console
from models.runtime.yaml_text import load_yaml

Config = dict[str, Any]
READ = {"config_name", "data_files", "data_dir", "default", "version", "description"}  # of a configuration


@dataclass(frozen=True)
class Described:
    """The files of every split, the names of the classes by column, and how many rows there should be."""

    files: dict[str, list[Path]]
    names: dict[str, list[str]]
    counts: dict[str, int]  # the rows that a README says each split has


class PathError(ValueError):
    """What a README says of its files that names none."""


def describe_folder(folder: Path, source: DatasetSource) -> Described:
    """Return what a folder holds: as its README's configuration says, or without one by the names of the files
    (BonsaiError).
    """
    said = _front_matter(folder)
    configs = {str(config.get("config_name", "default")): config for config in _entries(said.get("configs"))}
    infos = _infos(folder, said)
    chosen = _choose(folder, configs, infos, source)
    config = configs.get(chosen, {}) if chosen is not None else {}
    if unread := sorted(map(str, config.keys() - READ)):
        _say(folder, f"{', '.join(unread[:5])} of the configuration {chosen} in its README.md is not read")
    inside = folder.joinpath(*_parts_inside(config.get("data_dir")))
    if not inside.is_dir():
        raise BonsaiError(
            f"data set '{folder}': its README.md has data_dir '{config.get('data_dir')}', which is not there; expected "
            "a folder in it"
        )
    if config.get("data_files"):
        try:
            others = [pattern for other in configs.values() if other.get("data_files") for pattern in _patterns(other)]
            files = named_files(folder, _named(config), others)
        except PathError as error:
            raise BonsaiError(f"data set '{folder}': {error}") from None
    else:
        files = split_files(inside)
        if inside != folder and (beside := sorted(path.name for path in folder.iterdir() if file_type(path))):
            _say(folder, f"{', '.join(beside[:3])} beside data_dir '{config['data_dir']}' of its README.md is not read")
    return Described(files, _class_names(folder, infos, chosen), _row_counts(infos, chosen))


def _choose(folder: Path, configs: dict[str, Config], infos: dict[str, Config], source: DatasetSource) -> str | None:
    """Return the configuration asked for, the only one or the default one."""
    known = list(dict.fromkeys([*configs, *infos]))
    named = f"expected one of {', '.join(known)}, named with --dataset-config (dataset.config in the recipe)"
    if source.config is not None:
        if source.config not in known:
            wanted = named if known else "expected none, for its README.md names none (configs)"
            raise BonsaiError(f"data set '{folder}': it has no configuration '{source.config}'; {wanted}")
        return source.config
    default = [name for name, config in configs.items() if config.get("default") is True]
    default = default or [name for name in configs if name == "default"]
    if len(configs) > 1 and len(default) != 1:
        raise BonsaiError(f"data set '{folder}': it has several configurations; {named}")
    return next(iter(default or configs), None)


def _named(config: Config) -> Iterator[NamedFiles]:
    """Return name and patterns of every split of a configuration, in each form that the hub takes."""
    given, start = config["data_files"], _parts_inside(config.get("data_dir"))
    if isinstance(given, str) or (isinstance(given, list) and all(isinstance(path, str) for path in given)):
        given = [{"split": "train", "path": given}]
    elif isinstance(given, dict):
        given = [{"split": split, "path": path} for split, path in given.items()]
    for entry in _entries(given):
        given, split = entry.get("path"), str(entry.get("split", "train"))
        paths: list[Any] = given if isinstance(given, list) else [given]
        if not paths or not all(isinstance(path, str) and path for path in paths):
            raise PathError(f"its README.md names no file for its split {split[:64]}; expected a path, or several")
        yield split, [str(Path(*start, path)) for path in paths]


def _patterns(config: Config) -> Iterator[str]:
    """Return those patterns of a configuration that may be looked for."""
    for _, patterns in _named(config):
        yield from (pattern for pattern in patterns if pattern not in ("", ".") and ".." not in Path(pattern).parts)


def _parts_inside(path: object) -> list[str]:
    """Return the parts of a path that a README names, none of which leads out of its folder."""
    return [part for part in Path("" if path is None else str(path)).parts if part not in ("/", "..")]


def _infos(folder: Path, said: dict[str, Any]) -> dict[str, Config]:
    """Return what is said of every configuration's columns, in the README or in the older dataset_infos.json."""
    try:
        older = json.loads((folder / "dataset_infos.json").read_bytes())
    except FileNotFoundError:
        older = {}
    except (OSError, ValueError, RecursionError) as error:
        _say(folder, f"dataset_infos.json is not read ({type(error).__name__}), nor what it says of classes")
        older = {}
    infos = {name: info for name, info in older.items() if isinstance(info, dict)} if isinstance(older, dict) else {}
    return infos | {str(info.get("config_name", "default")): info for info in _entries(said.get("dataset_info"))}


def _class_names(folder: Path, infos: dict[str, Config], chosen: str | None) -> dict[str, list[str]]:
    meant = [infos[chosen]] if chosen in infos else list(infos.values())
    found = [names for info in meant if (names := names_of_features(info.get("features")))]
    if any(names != found[0] for names in found):
        raise BonsaiError(
            f"data set '{folder}': its classes have different names in its configurations {', '.join(infos)}; expected "
            "one of them, named with --dataset-config (dataset.config in the recipe)"
        )
    return found[0] if found else {}


def _front_matter(folder: Path) -> dict[str, Any]:
    """Return the YAML between two lines of dashes at a README's start; most have none."""
    try:
        text = (folder / "README.md").read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        _say(
            folder,
            f"README.md is not read ({type(error).__name__}; expected UTF-8), nor what it says of files",
        )
        return {}
    parts = text.split("\n---", 1)
    if not text.startswith("---") or len(parts) < 2:
        return {}
    try:
        said = load_yaml(parts[0].removeprefix("---"), yaml.SafeLoader)
    except yaml.YAMLError as error:
        why = " ".join(str(error).split())[:200]
        _say(folder, f"the YAML of README.md is not read ({why})")
        return {}
    return said if isinstance(said, dict) else {}


def _row_counts(infos: dict[str, Config], chosen: str | None) -> dict[str, int]:
    """Return how many rows the README says each split has, for the configuration that is read."""
    meant = infos.get(chosen) if chosen in infos else next(iter(infos.values()), None) if len(infos) == 1 else None
    said = meant.get("splits") if meant is not None else None
    entries = said.values() if isinstance(said, dict) else said
    found = dict[str, int]()
    for entry in _entries(list(entries) if entries else []):
        split, count = split_of(str(entry.get("name"))), entry.get("num_examples")
        if split is not None and isinstance(count, int):
            found[split] = count
    return found


def _say(folder: Path, what: str) -> None:
    console.print(f"{folder}: {what}", markup=False, soft_wrap=True)


def _entries(given: Any) -> list[Config]:
    """Return a list's objects, or the only one, as YAML may have it."""
    return [entry for entry in (given if isinstance(given, list) else [given]) if isinstance(entry, dict)]
