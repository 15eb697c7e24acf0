"""One run: an input, a variant and an output that appears when it is whole."""

import os
import time
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from models.predict.delimited import open_delimited
from models.predict.formats import Format, Input, format_of
from models.predict.json_lines import json_schema, open_json
from models.predict.parquet import open_parquet, read_schema
from models.predict.unfinished import ROWS, Place, Unfinished, folder_of, is_finished, publish, unfinished
from models.predict.variant import count_labels, find_variant
from models.predict.work import Done, Work, head
from models.runtime.errors import BonsaiError
from models.runtime.progress import Bar

Engine = Callable[[Work, int, int], Generator[Done, None, None]]  # from a place of the input and its line on
ROWS_A_GROUP = 65_536  # of a Parquet file
SHARES = 100.0


class Options(NamedTuple):
    """What may be asked for beside variant, input and output."""

    build: Path
    text_column: str | None = None
    prefix: str = ""
    top_k: int = 1
    skip_unusable: bool = False
    force: bool = False


def predict(given: str, source: Path, target: Path, options: Options, engine: Engine) -> Place:
    """Classify the rows of a file into another, or go on where an interrupted run ended; return what it holds
    (BonsaiError).
    """
    target = Path(os.path.realpath(target))  # what a link leads to is written, and the link stays
    try:
        work = prepare(given, source, target, options)
    except OSError as error:  # a name that is too long, or a folder that is closed
        raise BonsaiError(
            f"'{error.filename}' cannot be looked at ({error.strerror}); expected a variant, a file of rows and one to "
            "write"
        ) from error
    job = _job(work, options)
    if (already := is_finished(target, job)) is not None:
        return already
    if target.exists() and not options.force:
        raise BonsaiError(f"'{target}' is there already; name another file, or replace it with --force")
    try:
        start = Place(work.source.start, work.source.line)
        with unfinished(target, job, start, head(work), force=options.force) as output:
            if not output.place.done:
                _classify(work, output, engine, options, target)
            place = output.place
            # Before another run may have the folder, which with --force would begin anew in it.
            publish(_as_parquet(target) if work.target.kind == "parquet" else folder_of(target) / ROWS, target)
    except OSError as error:
        raise BonsaiError(
            f"'{target}' cannot be written ({error.strerror or error}); what is done is kept: make room and run the "
            "same command again to go on"
        ) from error
    return place


def prepare(given: str, source: Path, target: Path, options: Options) -> Work:
    """Look at variant, input and output before anything is computed (BonsaiError)."""
    if not source.is_file():
        what = "is a folder" if source.is_dir() else "is not there" if not source.exists() else "is no file"
        raise BonsaiError(f"'{source}' {what}; expected a file of rows")
    into = format_of(target)
    if target.is_dir() or not target.absolute().parent.is_dir():
        raise BonsaiError(f"'{target}' cannot be written: expected a file in a folder that is there")
    if target.exists() and target.samefile(source):
        raise BonsaiError(f"'{target}' is input and output at once; expected another file to write")
    variant = find_variant(given, options.build)
    most = count_labels(variant)
    if not 1 <= options.top_k <= most:
        raise BonsaiError(f"--top-k is {options.top_k}; expected 1 to {most}, the labels of '{variant.name}'")
    form = format_of(source)
    try:
        opened = _open(source, form, options.text_column)
    except OSError as error:
        raise BonsaiError(f"'{source}' cannot be read ({error.strerror or error})") from error
    names = new_names(options.prefix, options.top_k)
    if taken := [name for name in names if name in opened.columns]:
        raise BonsaiError(
            f"{opened.name}: a column '{taken[0]}' is there already; give the new ones other names with --prefix "
            f"predicted_, or the like"
        )
    return Work(variant, opened, into, names, options.top_k, _schema(opened, into, names, options.prefix))


def new_names(prefix: str, top_k: int) -> tuple[str, ...]:
    """Return the names of the columns that are added."""
    more = [f"{what}_{rank}" for rank in range(2, top_k + 1) for what in ("label", "score")]
    return tuple(prefix + name for name in ("label", "score", *more, "variant", "version"))


def _open(path: Path, form: Format, text_column: str | None) -> Input:
    opening = {"delimited": open_delimited, "json": open_json, "parquet": open_parquet}[form.kind]
    return opening(path, form, text_column)


def _schema(source: Input, into: Format, names: tuple[str, ...], prefix: str) -> bytes | None:
    """Return the Arrow schema of what is written as Parquet."""
    if into.kind != "parquet":
        return None
    import pyarrow

    if source.format.kind == "parquet":
        known = read_schema(source)
    elif source.format.kind == "json":
        known = json_schema(source)
    else:
        known = pyarrow.schema([(name, pyarrow.string()) for name in source.columns])
    kinds = {True: pyarrow.float64(), False: pyarrow.string()}
    new = [pyarrow.field(name, kinds[name.removeprefix(prefix).startswith("score")]) for name in names]
    schema: bytes = pyarrow.schema([*known, *new], known.metadata).serialize().to_pybytes()
    return schema


def _job(work: Work, options: Options) -> dict[str, Any]:
    """Return what must be the same for a run to go on where another ended."""
    about = work.source.path.stat()
    return {
        "input": str(work.source.path.absolute()),
        "input's bytes": about.st_size,
        "input's time": about.st_mtime_ns,
        "variant": work.variant.name,
        "version": work.variant.version,
        "text column": work.source.text,
        "columns": list(work.names),
        "unusable rows": "skipped" if options.skip_unusable else "refused",
        "layout": 1,  # of the folder, and how windows are cut: raised whenever either changes
    }


def _classify(work: Work, output: Unfinished, engine: Engine, options: Options, target: Path) -> None:
    begin, before = time.monotonic(), output.rows
    first, begin_first, share = (0.0, 0), begin, 0.0
    results = engine(work, output.place.at, output.place.line)
    with closing(results), Bar(f"{work.variant.name} → {target.name}", int(SHARES), " %") as bar:
        for done in results:
            if done.unusable and not options.skip_unusable:
                output.keep()
                raise BonsaiError(
                    f"{': '.join(done.unusable[0])}; repair it, or leave such rows out with --skip-unusable"
                )
            output.add(done)
            now = time.monotonic()
            if not share:  # the first window, for which processes started
                first, begin_first = (done.share, output.rows), now
            note = f"{output.rows:,} rows"
            if done.share > first[0]:
                pace = (now - begin_first) / (done.share - first[0])
                rate = (output.rows - first[1]) / (now - begin_first)
                note += f", {rate:,.0f} a second, {_said(pace * (1 - done.share))} left"
            bar.advance(note, SHARES * (done.share - share))
            share = done.share
        output.keep(done=True)
        passed = max(1e-9, time.monotonic() - begin)
        again = f", {before:,} of them before" if before else ""
        bar.finish(f"{output.rows:,} rows{again}, {(output.rows - before) / passed:,.0f} a second")


def _said(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _as_parquet(target: Path) -> Path:
    """Write the batches, which lie one after the other, as a Parquet file."""
    import pyarrow
    from pyarrow import ipc, parquet

    folder = folder_of(target)
    finished = folder / "finished.parquet"
    with (folder / ROWS).open("rb") as file, ipc.open_stream(file) as batches:
        waiting: list[Any] = []
        with parquet.ParquetWriter(finished, batches.schema, compression="zstd") as out:

            def write() -> None:
                if waiting:
                    out.write_table(pyarrow.Table.from_batches(waiting), row_group_size=2 * ROWS_A_GROUP)
                    waiting.clear()

            for batch in batches:
                waiting.append(batch)
                if sum(len(one) for one in waiting) >= ROWS_A_GROUP:
                    write()
            write()
    return finished
