"""Faults, brought about for real and counted: rows of the table in docs/faults.md.

python -m tests.faults [--only idle kills …] [--quick] [--out service/results/published/faults.json]
"""

import argparse
import json
import os
import resource
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tests.faults import builds, clients, jobs, limits
from tests.faults.rows import Row
from tests.processes import ROOT
from tests.service.conftest import serving
from tests.tiny import Tiny, tiny_build

KEEP_ALIVE_S, READ_S = 10, 5


def with_service(folder: Path, tiny: Tiny, drill: clients.Drill) -> Row:
    """Return what a fault comes to on a service of its own, of two workers."""
    settings = {
        **tiny.environment, "BONSAI_WORKERS": "2", "BONSAI_KEEP_ALIVE_S": str(KEEP_ALIVE_S),
        "BONSAI_READ_S": str(READ_S), "BONSAI_ADMIN_KEY": clients.KEY,
        "BONSAI_DATABASE_URL": f"sqlite:///{folder / 'experiments.sqlite'}",
    }  # fmt: skip
    bentoml = Path(sys.executable).with_name("bentoml")
    with serving("service.service:bonsai", ROOT, settings, bentoml, folder / "log.txt") as host:
        served = clients.Served(host)
        served.wait()
        return drill(served)


def main() -> int:
    """Bring the faults about, keep what was seen; exit code 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="some of them")
    parser.add_argument("--quick", action="store_true", help="a twentieth of everything: to see that it runs")
    parser.add_argument("--tiny", type=Path, help="a folder that keeps the tiny build")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    rows = dict[str, Row]()
    with tempfile.TemporaryDirectory(prefix="bonsai-faults-") as place:
        folder = Path(place)
        tiny = tiny_build(given.tiny or folder / "tiny")
        os.environ["BENTOML_HOME"] = str(tiny.home)
        drills: dict[str, Callable[[Path], Row]] = {
            **{
                name: lambda own, drill=drill: with_service(own, tiny, drill)  # type: ignore[misc]
                for name, drill in (
                    clients.drills(given.quick, KEEP_ALIVE_S, READ_S) | limits.drills(given.quick)
                ).items()
            },
            **builds.drills(tiny, given.quick, given.seed),
            **jobs.drills(tiny, given.quick, given.seed),
        }
        unknown = set(given.only or ()) - set(drills)
        if unknown:
            parser.error(f"there is no {', '.join(sorted(unknown))}; expected some of {', '.join(drills)}")
        for name in given.only or drills:
            own = folder / name
            own.mkdir()
            rows[name] = drills[name](own)
            if given.out is not None:
                _store(given.out, name, rows[name], given.quick, anew=given.only is None and len(rows) == 1)
            print(f"{'kept  ' if rows[name].kept else 'BROKEN'} {name}: {rows[name].seen}", file=sys.stderr, flush=True)
    return int(not all(row.kept for row in rows.values()))


def _store(file: Path, name: str, row: Row, quick: bool, *, anew: bool) -> None:
    """Put a row in the place of an earlier one of its name, at once: an hour may be interrupted."""
    before = {"names": [], "rows": []} if anew or not file.exists() else json.loads(file.read_text())
    rows = dict(zip(before["names"], before["rows"], strict=True)) | {name: row.content() | {"quick": quick}}
    stored = {"date": datetime.now(UTC).date().isoformat(), "names": list(rows), "rows": list(rows.values())}
    file.write_text(json.dumps(stored, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
