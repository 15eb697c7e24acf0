"""Whole files beside the benchmark: `python -m models.bench.files [--variants DIR] [--rounds N] [--out FILE]` runs
`python -m models.predict` and the classifier alone in turns, on the same texts.

The classifier alone is what `models.bench` times: labels in batches, of texts that lie in memory, whose words it has
met. It runs on one core, and on all of them at once: what a core gives less then is the machine's.
"""

import argparse
import csv
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import cycle, islice
from math import ceil
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any

import psutil

from models.predict.run import Options, prepare
from models.predict.variant import find_variant, open_variant
from models.predict.work import windows
from models.prove.latency import conditions
from models.runtime.cores import cores
from models.runtime.errors import BonsaiError
from models.runtime.files import check_place, write_result
from models.runtime.progress import Bar

PUBLISHED = Path(__file__).parents[1] / "results" / "published" / "predict.json"
ROUNDS, SECONDS = 5, 20.0
VARIANTS = ("nano", "distilled_int8", "teacher")
FORMATS = ("csv", "jsonl", "parquet")
TIMES = 10  # as long is the file with which memory is compared
EVERY_S = 0.5  # between looks at the memory
MiB = 2**20


def measure(variants: Path, names: Sequence[str], rounds: int, seconds: float) -> dict[str, Any]:
    """Return texts a second of every variant in every round, alone and from file to file, and the memory that files of
    two lengths take.
    """
    # Imported here: the processes that are timed need neither torch nor BentoML, and start in a third of the time.
    from models.bench.benchmark import commit
    from models.runtime.store import read_build

    build = read_build(variants)
    texts = _texts(variants)
    usable = max(1, ceil(cores()))
    turns: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="bonsai-files-") as workplace, Bar("measure", rounds * len(names)) as bar:
        folder = Path(workplace)
        rates = {name: sum(alone(variants, name, usable, 2.0)) for name in names}
        rows = {name: int(rate * seconds) for name, rate in rates.items()}
        for turn in range(rounds):
            for name in names if turn % 2 == 0 else reversed(names):
                turns.append(
                    {"round": turn, "variant": name, **_turn(variants, name, texts, rows[name], seconds, folder)}
                )
                bar.advance(name)
        bar.finish(f"{len(names)} variants, {rounds} rounds, {usable} cores")
        fastest = max(rates, key=lambda name: rates[name])
        formats = {form: from_file_to_file(variants, fastest, texts, rows[fastest], folder, form) for form in FORMATS}
        long = from_file_to_file(variants, fastest, texts, TIMES * rows[fastest], folder, "csv")
        cut = _cut(folder / "in.csv", variants, fastest)
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": {**conditions(), "cores": os.cpu_count(), "usable_cores": usable},
        "load_average_after": round(os.getloadavg()[0], 2),
        "build_id": build.build_id,
        "dataset": build.dataset,
        "texts": len(texts),
        "bytes_a_text": round(sum(len(text.encode()) for text in texts) / len(texts), 1),
        "rounds": rounds,
        "seconds": seconds,
        "turns": turns,
        "formats": {"variant": fastest, **formats},
        "cut_rows_per_s": round(long["rows"] / cut),
        "memory": {"variant": fastest, "short": formats["csv"], "long": long},
    }


def _cut(file: Path, variants: Path, name: str) -> float:
    """Return the seconds of one core that it takes to cut a file into windows: what one process does for all others."""
    source = prepare(name, file, file.with_name("none.csv"), Options(variants)).source
    start = time.process_time()
    for _ in windows(source, source.start, source.line):
        pass
    return time.process_time() - start


def _turn(variants: Path, name: str, texts: Sequence[str], rows: int, seconds: float, folder: Path) -> dict[str, Any]:
    """Time a variant alone, before and after its file, and from file to file."""
    usable = max(1, ceil(cores()))
    (one,) = alone(variants, name, 1, seconds / 4)
    before = alone(variants, name, usable, seconds / 4)
    start = from_file_to_file(variants, name, texts, 1, folder, "csv")["seconds"]
    file = from_file_to_file(variants, name, texts, rows, folder, "csv")
    after = alone(variants, name, usable, seconds / 4)
    return {"one_core": one, "all_cores": [before, after], "start_s": start, "file": file}


def alone(variants: Path, name: str, processes: int, seconds: float) -> list[float]:
    """Return the texts a second of so many processes at once that classify what lies in their memory."""
    command = [sys.executable, "-m", "models.bench.files", "--alone", name, str(seconds), "--variants", str(variants)]
    with ThreadPoolExecutor(processes) as pool:
        said = list(pool.map(lambda _: subprocess.run(command, capture_output=True, text=True), range(processes)))
    for done in said:
        if done.returncode:
            raise BonsaiError(f"'{name}' cannot be timed: {_last_line(done.stderr, done.returncode)}")
    return [float(done.stdout) for done in said]


def _last_line(said: str, code: int) -> str:
    return (said.strip().splitlines() or [f"exit code {code}, without a word"])[-1]


def _texts(variants: Path) -> list[str]:
    """Return the build's test texts."""
    file = variants / "corpus.jsonl"
    try:
        lines = file.read_text(encoding="utf-8").split("\n")  # not splitlines(), which also parts a text at U+2028
        return [json.loads(line)["text"] for line in lines if line]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BonsaiError(f"'{file}' cannot be read ({error}); run 'python -m models.build' again") from error


def _answer(variants: Path, name: str, seconds: float) -> float:
    """Classify all texts of the corpus over and over, and return how many a second."""
    texts = _texts(variants)
    predictor = open_variant(find_variant(name, variants))
    predictor.meet(texts)
    predictor.predict(texts[:256])
    piece = max(256, len(texts) // 8)  # of like length to a window of a file; seldom enough to look at the clock
    start, count = time.perf_counter(), 0
    for begin in cycle(range(0, len(texts), piece)):
        labels = [prediction.label for prediction in predictor.predict(texts[begin : begin + piece])]
        count += len(labels)
        if (taken := time.perf_counter() - start) > seconds:
            break
    return count / taken


def from_file_to_file(
    variants: Path, name: str, texts: Sequence[str], rows: int, folder: Path, form: str
) -> dict[str, Any]:
    """Run the command on a file of so many rows; return what it took with its start, and its memory all along."""
    source, target = folder / f"in.{form}", folder / f"out.{form}"
    _write(source, texts, rows)
    target.unlink(missing_ok=True)
    command = [sys.executable, "-m", "models.predict", name, str(source), str(target), "--out-of", str(variants)]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        with _memory(process.pid) as memory:
            _, said = process.communicate()
        taken = time.perf_counter() - start
    if process.returncode:
        raise BonsaiError(f"'{' '.join(command[1:5])} …' failed: {_last_line(said, process.returncode)}")
    settled = memory[len(memory) // 4 :] or [0.0]
    quarter = max(1, len(settled) // 4)
    return {
        "rows": rows,
        "bytes": source.stat().st_size,
        "bytes_written": target.stat().st_size,
        "seconds": round(taken, 3),
        "rows_per_s": round(rows / taken, 2),
        "memory_mib": [round(sum(part) / len(part), 1) for part in (settled[:quarter], settled[-quarter:])],
        "most_memory_mib": round(max(memory, default=0.0), 1),
    }


@contextmanager
def _memory(pid: int) -> Iterator[list[float]]:
    """Note the memory of a process and its children (PSS, in MiB) while they run."""
    found: list[float] = []
    ended = Event()

    def look() -> None:
        while not ended.wait(EVERY_S):
            try:
                parent = psutil.Process(pid)
                found.append(sum(one.memory_full_info().pss for one in (parent, *parent.children(True))) / MiB)
            except (psutil.Error, OSError):
                continue

    thread = Thread(target=look, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def _write(file: Path, texts: Sequence[str], rows: int) -> None:
    """Write rows of an id, a text and a channel, as the formats have them."""
    drawn = Random(0).choices(texts, k=len(texts))
    numbered = enumerate(islice(cycle(drawn), rows))
    if file.suffix == ".parquet":
        import pyarrow
        from pyarrow import parquet

        with parquet.ParquetWriter(file, pyarrow.schema([("id", pyarrow.int64()), ("text", pyarrow.string())])) as out:
            while part := list(islice(numbered, 100_000)):
                out.write_table(pyarrow.Table.from_pylist([{"id": number, "text": text} for number, text in part]))
        return
    with file.open("w", encoding="utf-8", newline="") as out:
        if file.suffix == ".jsonl":
            out.writelines(json.dumps({"id": number, "text": text}) + "\n" for number, text in numbered)
        else:
            lines = csv.writer(out, lineterminator="\n")
            lines.writerow(["id", "text"])
            lines.writerows(numbered)


def main(arguments: list[str] | None = None) -> int:
    """Measure and store; exit code 2 for what the user can repair, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m models.bench.files", description="Whole files beside the classifier alone, in turns."
    )
    parser.add_argument(
        "--variants", type=Path, default=Path("variants"), help="the folder of a finished build (default: variants)"
    )
    parser.add_argument("--names", nargs="+", default=VARIANTS, help=f"which variants (default: {' '.join(VARIANTS)})")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often each has its turn (default: {ROUNDS})")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"what a file takes (default: {SECONDS:.0f})")
    parser.add_argument("--alone", nargs=2, metavar=("NAME", "SECONDS"), help="time one variant in this process")
    parser.add_argument("--out", type=Path, default=PUBLISHED, help="result file (default: predict.json, published)")
    options = parser.parse_args(arguments)
    try:
        if options.alone:
            print(_answer(options.variants, options.alone[0], float(options.alone[1])))
            return 0
        if options.rounds < 1 or not 0 < options.seconds < math.inf:
            given = f"--rounds is {options.rounds} and --seconds {options.seconds:g}"
            raise BonsaiError(f"{given}; expected at least one round, of more than 0 seconds")
        check_place(options.out)
        write_result(options.out, measure(options.variants, options.names, options.rounds, options.seconds))
    except BonsaiError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; nothing is written", file=sys.stderr)
        return 130
    print(f"stored in {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
