"""The tables of scale.md, worked out from stored results: what a rate of requests or a file of texts asks for."""

import json
from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path
from statistics import fmean, median
from typing import Any

from loadtest.numbers.cost import PRICE
from models.bench.factor import factor

MODELS, LOAD = (Path(__file__).parents[1] / part / "results" / "published" for part in ("models", "loadtest"))
RATES = (10, 1_000, 100_000)  # predictions a second
VARIANTS = ("nano", "cascade", "distilled_int8", "teacher")
BUSY = 0.6  # of a core: what is left takes up a lost replica, a rolling update and the hours of most traffic
CORES_A_REPLICA, FEWEST_REPLICAS = 4, 2
HOURS_A_MONTH = 730
TEXTS = 100_000_000
MACHINES = (2, 16, 64)  # cores
MOST_LOAD = 2  # of each core, beyond which a measurement was disturbed
MEASURED = "ours2"  # the service with two workers


def services() -> str:
    """Return what each rate of single-text requests asks for, by variant."""
    # Of a processor with VNNI, as serving.json and soak.json are.
    bench, memory = _read(MODELS / "banking77_vnni.json"), _memory(_read(LOAD / "soak.json"))
    rows = []
    for name in VARIANTS:
        ms = _cpu_ms(bench, _read(LOAD / "serving.json"), name)
        for rate in RATES:
            cores = max(1, ceil(rate * ms / 1000 / BUSY))
            replicas = max(FEWEST_REPLICAS, ceil(cores / CORES_A_REPLICA))
            each = min(CORES_A_REPLICA, cores)
            month = replicas * each * PRICE * HOURS_A_MONTH
            rows.append(
                [
                    name,
                    f"{rate:,}",
                    f"{ms:.2f}",
                    f"{cores:,}",
                    f"{replicas:,} of {each}",
                    f"{memory(each) / 1e9 * replicas:,.1f}",
                    f"{month:,.0f}",
                    f"{month / (rate * 3600 * HOURS_A_MONTH / 1e6):,.3f}",
                ]
            )
    heads = ["variant", "requests/s", "CPU-ms a request", "cores", "replicas", "memory GB", "cost a month", "a million"]
    return _table(heads, rows) + (
        f"\nOne text a request, {BUSY:.0%} busy, {CORES_A_REPLICA} cores a replica at the most and {FEWEST_REPLICAS} "
        f"replicas at the least; {PRICE} for an hour of a core.\n"
    )


def batches() -> str:
    """Return time and cost of a hundred million texts, by variant and machine."""
    stored = _read(MODELS / "predict.json")
    rows = []
    for name in _names(stored):
        a_core = median(map(_rate, _turns(stored, name))) / stored["machine"]["usable_cores"]
        rates = [min(a_core * cores, stored["cut_rows_per_s"]) for cores in MACHINES]
        hours = [TEXTS / rate / 3600 for rate in rates]
        rows.append(
            [name, f"{a_core:,.0f}", *(f"{hour:,.2f}" for hour in hours), f"{TEXTS / a_core / 3600 * PRICE:,.2f}"]
        )
    heads = ["variant", "rows/s a core", *(f"hours on {cores} cores" for cores in MACHINES), "cost"]
    return _table(heads, rows) + (
        f"\n100 million texts of {stored['bytes_a_text']:.0f} bytes on average, {PRICE} for an hour of a core; one "
        f"process cuts {stored['cut_rows_per_s']:,} rows a second for all others.\n"
    )


def measured() -> str:
    """Return what files were measured to take, beside the classifier alone."""
    stored = _read(MODELS / "predict.json")
    usable, rows = stored["machine"]["usable_cores"], []
    for name in _names(stored):
        turns = _turns(stored, name)
        files = [_rate(turn) for turn in turns]
        one = [usable * turn["one_core"] for turn in turns]
        together = [fmean(sum(rates) for rates in turn["all_cores"]) for turn in turns]
        rows.append(
            [
                name,
                *(f"{median(values):,.0f}" for values in (one, together, files)),
                *(
                    f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
                    for found in (factor(files, together), factor(files, one))
                ),
                f"{median(turn['start_s'] for turn in turns):.1f}",
            ]
        )
    alone = (f"{usable} x one core alone", "all cores alone")
    heads = ["variant", *alone, "from file to file", "of all cores", f"of {usable} x one core", "start, s"]
    forms = {key: value for key, value in stored["formats"].items() if key != "variant"}
    memory = stored["memory"]
    more = [
        f"`{stored['formats']['variant']}` from and to "
        + ", ".join(f"{form} {value['rows_per_s']:,.0f} rows/s" for form, value in forms.items())
        + "."
    ]
    for length in ("short", "long"):
        first, last = memory[length]["memory_mib"]
        more.append(
            f"Memory over a file of {memory[length]['bytes'] / 1e6:,.0f} MB: {first:,.0f} MiB early, {last:,.0f} late, "
            f"{memory[length]['most_memory_mib']:,.0f} at the most (all processes, PSS)."
        )
    where = f"{stored['machine']['cpu']}, {usable} of {stored['machine']['cores']} cores, {stored['date'][:10]}, "
    rounds = (
        f"{stored['rounds']} rounds of {stored['seconds']:g} s, load average {stored['load_average_after']} at the end."
    )
    doubt = (
        "**Other work shared the machine: these figures say little; 'make bench-predict' measures them again.**\n\n"
        if stored["load_average_after"] > MOST_LOAD * usable
        else ""
    )
    return f"{doubt}{_table(heads, rows)}" + "\n" + " ".join(more) + f"\n\n{where}{rounds}\n"


TABLES: dict[str, Callable[[], str]] = {"services": services, "batches": batches, "measured": measured}


def _cpu_ms(bench: dict[str, Any], serving: dict[str, Any], name: str) -> float:
    """Return the CPU time of a request with one text: what was measured at 32 connections; of a variant that was not
    served there, what HTTP took of it (the request less its text in a batch) and the mean time of a text by itself.
    """
    rounds = serving["rounds"]
    if name == serving["options"]["variant"]:
        return median(_each(one["servers"][MEASURED]["1x32"]) for one in rounds)
    http = median(_each(one["servers"][MEASURED]["1x32"]) - _each(one["in_process"]["32x1"]) / 32 for one in rounds)
    return http + median(one["mean_ms"] for one in bench["rows"][name]["rounds"])


def _rate(turn: dict[str, Any]) -> float:
    """Return the rows a second from file to file once all processes have the variant open."""
    file = turn["file"]
    return float(file["rows"] / max(file["seconds"] - turn["start_s"], 1e-9))


def _each(point: dict[str, Any]) -> float:
    return 1000 * float(point["server_cpu_s"]) / int(point["requests"])


def _memory(soak: dict[str, Any]) -> Callable[[int], float]:
    """Return what gives the bytes of a replica by its workers: what all share, the first process, and each worker."""
    first, *workers = soak["slices"][-1]["workers"]
    own = [process["uss"] for process in (first, *workers)]
    shared = sum(process["pss"] for process in (first, *workers)) - sum(own)
    return lambda count: shared + own[0] + count * fmean(own[1:])


def _names(stored: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(turn["variant"] for turn in stored["turns"]))


def _turns(stored: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [turn for turn in stored["turns"] if turn["variant"] == name]


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
