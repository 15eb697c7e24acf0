"""Where runs are kept: a folder each, named by its time, with result.json inside, and `latest` beside them."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from loadtest.errors import LoadTestError
from loadtest.numbers.result import SCHEMA, Result, first_problem

RESULT_FILE = "result.json"
LATEST = "latest"


def new_run_folder(out: Path) -> Path:
    """Make a folder named by the time, and never one that is there already."""
    name = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    try:
        out.mkdir(parents=True, exist_ok=True)
        for suffix in ["", *(f"-{number}" for number in range(2, 100))]:
            folder = out / f"{name}{suffix}"
            if not folder.exists():
                folder.mkdir()
                return folder
    except OSError as error:
        raise LoadTestError(
            f"results cannot be written to '{out}' ({error.strerror}); choose another folder with --out"
        ) from error
    raise LoadTestError(f"'{out}' already holds a hundred runs of {name}; choose another folder with --out")


def write_result(folder: Path, result: Result) -> None:
    """Write result.json, as this version knows it."""
    write_json(
        folder / RESULT_FILE,
        {"schema_version": SCHEMA, **result.model_dump(exclude={"schema_version"}, exclude_none=True)},
    )


def write_json(file: Path, content: Any) -> None:
    """Write a file so that a reader, and a crash, sees the old one or the new one, never half of it."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("w", encoding="utf-8") as out:
            json.dump(content, out, indent=1, ensure_ascii=False, allow_nan=False)
            out.write("\n")
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)
    except OSError as error:
        raise LoadTestError(
            f"'{file}' cannot be written ({error.strerror}); choose another place with --out"
        ) from error


def point_latest(folder: Path) -> None:
    """Let `latest`, beside the run's folder, name it."""
    link, draft = folder.parent / LATEST, folder.parent / f".{LATEST}.{os.getpid()}"
    try:
        draft.unlink(missing_ok=True)
        draft.symlink_to(folder.name)
        draft.replace(link)
    except OSError as error:
        raise LoadTestError(
            f"'{link}' cannot be pointed at '{folder.name}' ({error.strerror}); remove what is there"
        ) from error


def read_result(folder: Path) -> Result:
    """Read the result of a run's folder."""
    file = folder / RESULT_FILE
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise LoadTestError(
            f"no run at '{folder}': {RESULT_FILE} cannot be read ({error.strerror}); 'python -m loadtest.run' makes one"
        ) from error
    except ValueError as error:
        raise LoadTestError(f"'{file}' is not JSON ({error}); expected what 'python -m loadtest.run' wrote") from error
    try:
        result = Result.model_validate(content)
    except ValidationError as error:
        raise LoadTestError(
            f"'{file}' is no result ({first_problem(error)}); 'python -m loadtest.run' makes one"
        ) from error
    if result.schema_version > SCHEMA:
        raise LoadTestError(
            f"'{file}' has schema version {result.schema_version}, this code reads up to {SCHEMA}; draw it with the "
            "version that measured it"
        )
    return result
