"""result.json: the one file that a run leaves and that every table, picture and page is drawn from."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loadtest.errors import LoadTestError

Result = dict[str, Any]

RESULT_FILE = "result.json"
LATEST = "latest"
CONTROL = "(control)"  # the baseline measured a second time, which no variant can be called


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
        raise LoadTestError(f"results cannot be written to '{out}' ({error.strerror}); choose another folder with --out") from error
    raise LoadTestError(f"'{out}' already holds a hundred runs of {name}; choose another folder with --out")


def write_result(folder: Path, result: Result) -> None:
    """Write result.json."""
    write_json(folder / RESULT_FILE, result)


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
        raise LoadTestError(f"'{file}' cannot be written ({error.strerror}); choose another place with --out") from error


def point_latest(folder: Path) -> None:
    """Let `latest`, beside the run's folder, name it."""
    link, draft = folder.parent / LATEST, folder.parent / f".{LATEST}.{os.getpid()}"
    try:
        draft.unlink(missing_ok=True)
        draft.symlink_to(folder.name)
        draft.replace(link)
    except OSError as error:
        raise LoadTestError(f"'{link}' cannot be pointed at '{folder.name}' ({error.strerror}); remove what is there") from error


def read_result(folder: Path) -> Result:
    """Read the result of a run's folder."""
    file = folder / RESULT_FILE
    try:
        result: Result = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise LoadTestError(f"no run at '{folder}': {RESULT_FILE} cannot be read ({error.strerror}); 'python -m loadtest.run' makes one") from error
    except ValueError as error:
        raise LoadTestError(f"'{file}' is not JSON ({error}); expected what 'python -m loadtest.run' wrote") from error
    if not isinstance(result, dict) or not {"run", "conditions", "variants"} <= result.keys():
        raise LoadTestError(f"'{file}' is no result: expected run, conditions and variants; 'python -m loadtest.run' makes one")
    return result


def everyone(result: Result) -> dict[str, dict[str, Any]]:
    """Return the variants by name and, where a second service was measured beside, its own under a name that says so."""
    other = result.get("against", {"host": "", "variants": {}})
    return {**result["variants"]} | {f"{name} at {other['host']}": variant for name, variant in other["variants"].items()}


def rounds_at(result: Result, scenario: str, name: str, *, there: bool = False) -> list[dict[str, Any]]:
    """Return the list that keeps a variant's rounds of a scenario, or the control's; `there` is the second service's."""
    side = (result["against"] if there else result)["variants"]
    kept: list[dict[str, Any]] = result["run"]["control"]["rounds"] if name == CONTROL else side[name]["scenarios"][scenario]["rounds"]
    return kept


def total_failures(result: Result) -> int:
    """Count the failures of a run, of every variant and kind."""
    return sum(sum(variant["failures"].values()) for variant in everyone(result).values())
