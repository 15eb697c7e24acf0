"""Where runs are kept: a folder each, named by its time, with result.json inside, and `latest` beside them."""

import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from loadtest.errors import LoadTestError
from loadtest.numbers.files import write_json
from loadtest.numbers.recording import merged
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


def point_latest(folder: Path) -> None:
    """Let `latest`, beside the run's folder, name it."""
    link, draft = folder.parent / LATEST, folder.parent / f".{LATEST}.{os.getpid()}"
    try:
        draft.unlink(missing_ok=True)
        draft.symlink_to(folder.name)
        draft.replace(link)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
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
    except (ValueError, RecursionError) as error:
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
    if problem := _problem(result):
        raise LoadTestError(f"'{file}' is no result ({problem}); 'python -m loadtest.run' makes one")
    return result


def _problem(result: Result) -> str | None:
    """Say what no figure can be made of, or nothing."""
    if result.against is not None and result.against.variants.keys() != result.variants.keys():
        return "against: it has other variants than the run"
    kept = [one for variant in result.everyone().values() for one in variant.scenarios.values()]
    rounds = [one for each in kept for one in (*each.rounds, *each.search)]
    rounds += [*(result.run.control.rounds if result.run.control else ()), *result.run.limit_rounds]
    for one in rounds:
        if not 0 < one.seconds < float("inf"):
            return f"a round of {one.seconds:g} seconds"
        try:
            merged([one.histogram, *([one.lateness] if one.lateness else [])])
        except Exception as error:  # of base64, of zlib and of HDR, each its own
            return f"a histogram that cannot be read: {type(error).__name__}"
    return None
