"""`python -m service.experiments report | export | replay`: what the page shows, for terminals and CI."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from models.runtime.errors import BonsaiError
from models.runtime.loading import load_variants
from models.runtime.store import OUT, read_build, stored
from service.experiments import replay, settings, table
from service.experiments.definition import LEAST_LEVEL, LEAST_MARGIN
from service.experiments.errors import Invalid
from service.experiments.printable import printable
from service.experiments.report import report

FAILED = 2
CANNOT_SAY = 3  # of a report, whose 2 says undecided


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the commands; of `report` the exit code is 0 to ship, 1 not to, 2 undecided, 3 where it cannot say."""
    try:
        given = _parser().parse_args(arguments)
    except SystemExit as end:
        asked = sys.argv[1:] if arguments is None else arguments
        return CANNOT_SAY if end.code == FAILED and list(asked[:1]) == ["report"] else int(end.code or 0)
    try:
        return int(given.run(given))
    except BonsaiError as problem:
        print(f"error: {printable(str(problem))}", file=sys.stderr)
        return getattr(given, "failed", FAILED)
    except Exception as problem:  # a traceback's exit code is 1, which a report says of what is not to be shipped
        with suppress(OSError):
            print(f"error: {type(problem).__name__}: {printable(str(problem))[:200]}", file=sys.stderr)
        return getattr(given, "failed", FAILED)


def _report(given: argparse.Namespace) -> int:
    from service.store.store import Store  # the database's library, which replay does not need

    found = report(Store(given.database or settings.database_url()), given.name, with_history=given.json)
    print(json.dumps(found, indent=2) if given.json else "\n".join(table.lines(found)), flush=True)
    return table.exit_code(found)


def _export(given: argparse.Namespace) -> int:
    from service.experiments.export import export
    from service.store.store import Store

    count = export(Store(given.database or settings.database_url()), given.name, given.file)
    print(f"{count:,} predictions in {given.file}")
    return 0


def _replay(given: argparse.Namespace) -> int:
    names = [name.strip() for name in given.arms.split(",")]
    if len(names) < 2 or len(set(names)) < len(names):
        raise Invalid(
            f"--arms is '{given.arms}'; expected the control and at least one other variant, such as teacher,nano"
        )
    if not (LEAST_MARGIN <= given.margin < 100 and LEAST_LEVEL <= given.alpha <= 0.5 and given.shuffles >= 1):
        raise Invalid(
            f"expected --margin from {LEAST_MARGIN:g} on and below 100, --alpha from {LEAST_LEVEL:g} to 0.5, "
            "--shuffles from 1 on"
        )
    labelled = replay.read_labelled(given.texts)
    build = read_build(given.variants)
    missing = [name for name in names if name not in build.variants]
    if missing:
        raise Invalid(f"the arm '{missing[0][:64]}' is no variant; expected some of {', '.join(build.variants)}")
    loaded = load_variants({name: stored(variant.tag) for name, variant in build.variants.items()})
    unknown = sorted(set(labelled.labels) - set(loaded[names[0]][1].labels))
    if unknown:
        raise Invalid(f"'{given.texts}': no variant knows the label '{unknown[0][:64]}'")
    labels = {name: replay.labels_of(loaded[name][1], labelled.texts) for name in names}
    found = replay.replay(
        labelled.labels, labels, margin=given.margin / 100, alpha=given.alpha, shuffles=given.shuffles
    )
    print("\n".join(replay.lines(found, names[0], len(labelled.texts), given.margin / 100)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m service.experiments", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    shown = commands.add_parser("report", help="what an experiment has shown; exit code 0 ship, 1 do not, 2 undecided")
    shown.add_argument("name")
    shown.add_argument("--json", action="store_true", help="all figures, as GET /experiments/{name} has them")
    shown.set_defaults(run=_report, failed=CANNOT_SAY)
    exported = commands.add_parser("export", help="every prediction with its shadows and its feedback, to Parquet")
    exported.add_argument("name")
    exported.add_argument("file", type=Path)
    exported.set_defaults(run=_export)
    for each in (shown, exported):
        each.add_argument("--database", help="BONSAI_DATABASE_URL of the service (default: its file)")
    replayed = commands.add_parser("replay", help="the experiment over labelled texts: how many labels would it need?")
    replayed.add_argument("--texts", type=Path, required=True, help="CSV or JSON lines with text and label")
    replayed.add_argument("--arms", required=True, help="variants, the control first: teacher,nano")
    replayed.add_argument("--variants", type=Path, default=OUT, help="the folder of the build (default: variants)")
    replayed.add_argument("--margin", type=float, default=1.0, help="points of accuracy (default: 1)")
    replayed.add_argument("--alpha", type=float, default=0.05)
    replayed.add_argument("--shuffles", type=int, default=200, help="orders of the labels (default: 200)")
    replayed.set_defaults(run=_replay)
    return parser


if __name__ == "__main__":
    sys.exit(main())
