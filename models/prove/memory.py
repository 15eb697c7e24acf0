"""What a process takes that holds one variant: measured in one of its own, for memory that was once taken is not given
back (no torch).

`python -m models.prove.memory '{"NAME": "FOLDER"}' NAME < texts` prints the figures as JSON; a cascade comes with its
parts. Linux only: elsewhere, and where it takes too long, nothing is measured.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from models.runtime.card import read_card
from models.runtime.errors import BonsaiError
from models.runtime.loading import load_variants
from models.runtime.yielding import yield_often

STATUS = Path("/proc/self/status")
FIELDS = {"VmRSS": "resident_mb", "VmHWM": "peak_mb"}
TIMEOUT_S = 300


def measure_memory(folders: dict[str, Path], name: str, texts: Sequence[str]) -> dict[str, float]:
    """Return what a fresh process holds at the end, and held at most, after it has loaded a variant and answered some
    texts one by one, in MB of 10⁶ bytes; `without_mb` is what it held before it loaded the variant (BonsaiError).
    """
    if not STATUS.exists():
        return {}
    cascade = read_card(folders[name]).cascade
    needed = (cascade.small, cascade.large, name) if cascade else (name,)
    asked = json.dumps({part: str(folders[part].resolve()) for part in needed})
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__, asked, name],
            cwd=Path(__file__).parents[2],
            input=json.dumps(list(texts)),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:  # of a machine that has other things to do: a build does not fail for a figure
        return {}
    if done.returncode:
        raise BonsaiError(f"the memory of '{name}' was not measured: {done.stderr.strip().splitlines()[-1:]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def held() -> dict[str, float]:
    """Return what this process holds and held at most."""
    fields = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return {name: round(int(fields[field].split()[0]) * 1024 / 1e6, 1) for field, name in FIELDS.items()}


def _report(asked: str, name: str) -> dict[str, float]:
    texts, before = json.load(sys.stdin), held()
    predictor = load_variants({part: Path(folder) for part, folder in json.loads(asked).items()})[name][1]
    for text in texts:
        predictor.predict([text])
    return {"without_mb": before["resident_mb"], **held()}


if __name__ == "__main__":
    yield_often(if_idle=True)  # of a build beside a service
    print(json.dumps(_report(*sys.argv[1:])))
