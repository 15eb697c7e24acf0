"""What a stored benchmark run says: the rows' figures and how many times as fast each is, drawn from the run's JSON
alone (no torch).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table as TerminalTable

from models.bench.factor import Factor, factor
from models.runtime.errors import BonsaiError

Result = dict[str, Any]
FIRST_LEVEL = {"name", "conditions", "denominator", "control", "eager", "rows"}
LOG_WIDTH = 1000
SCATTER = 0.05
CONTROL_WITHIN = 0.1  # as the load test has it: an A/A interval that reaches further could hide such a difference
LEAST_FOR_P99 = 100  # texts: a p99 of fewer is their slowest
SHORT = ("row", "accuracy [95 %]", "gate", "MB", "mean ms", "texts/s")
TIMES = ("mean_ms", "p50_ms", "p95_ms", "p99_ms")


@dataclass(frozen=True)
class Table:
    """Headings and rows of text."""

    heads: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Verdict:
    """What comes out when the denominator is compared with itself: 1.00 and nothing far from it, or the run proves
    nothing, or nothing smaller than the control's own width.
    """

    mean: Factor
    texts_per_s: Factor

    @property
    def holds(self) -> bool:
        """Whether equal things came out as equal: both intervals hold 1.00 and reach not far from it."""
        return self.is_one and self._within(CONTROL_WITHIN)

    @property
    def is_one(self) -> bool:
        """Whether both intervals hold 1.00, however wide they are."""
        return self.mean.holds_one and self.texts_per_s.holds_one

    @property
    def quiet(self) -> bool:
        """Whether both intervals are narrow: on a busy machine a wide one holds 1.00 all too easily."""
        return self._within(SCATTER)

    def _within(self, reach: float) -> bool:
        return all(one.low >= 1 - reach and one.high <= 1 + reach for one in (self.mean, self.texts_per_s))


def read_result(file: Path) -> Result:
    """Read what a benchmark run stored (BonsaiError)."""
    try:
        result = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BonsaiError(
            f"no benchmark result at '{file}' ({error.strerror}); 'python -m models.bench --out {file}' makes one"
        ) from error
    except ValueError as error:
        raise BonsaiError(f"'{file}' is not JSON ({error}); expected what 'python -m models.bench' wrote") from error
    if not isinstance(result, dict) or not result.keys() >= FIRST_LEVEL:
        raise BonsaiError(
            f"'{file}' is no benchmark result; expected {', '.join(sorted(FIRST_LEVEL))} in it, as 'python -m "
            "models.bench' writes them"
        )
    return result


def ratio(result: Result, name: str, figure: str, over: str) -> Factor:
    """Return how many times as fast a row is as another, in one figure; where one of the two was timed on a few texts,
    both on these.
    """
    few = any(result["rows"][row].get("few") for row in (name, over))
    mine, other = (_rounds(result, row, figure, few=few) for row in (name, over))
    return factor(mine, other) if figure == "texts_per_s" else factor(other, mine)


def control_verdict(result: Result) -> Verdict:
    """Compare the denominator with itself."""
    again, denominator = result["control"], result["denominator"]
    return Verdict(ratio(result, again, "mean_ms", denominator), ratio(result, again, "texts_per_s", denominator))


def figures(result: Result) -> Table:
    """Return what each row is and takes: medians over the rounds."""
    heads = ["row", "version", "accuracy [95 %]", "gate", "MB", "mean ms", "p50 ms", "p95 ms", "p99 ms", "texts/s"]
    weighed = any(row.get("memory") for row in result["rows"].values())  # runs of earlier versions did not
    if weighed:
        heads.insert(heads.index("MB") + 1, "MB in memory")
    rows = []
    for name, row in result["rows"].items():
        shown = (
            [_milliseconds(median(_rounds(result, name, figure))) for figure in TIMES]
            if row["rounds"]
            else ["–"] * len(TIMES)
        )
        if row.get("texts", LEAST_FOR_P99) < LEAST_FOR_P99:
            shown[-1] = "–"
        rate = f"{median(_rounds(result, name, 'texts_per_s')):,.0f}" if row["rounds"] else "–"
        rows.append(
            [
                name,
                row.get("version") or "–",
                _accuracy(row.get("accuracy")),
                _gate(row.get("gate")),
                f"{row['bytes'] / 1e6:.1f}",
                *([_memory(row.get("memory"))] if weighed else []),
                *shown,
                rate,
            ]
        )
    return Table(heads, rows)


def factors(result: Result) -> Table:
    """Return how many times as fast each row is as the denominator, and as eager PyTorch.

    By the mean, not the median: that of a cascade says what its small variant takes alone, with which each of its
    answers begins.
    """
    denominator, eager = result["denominator"], result["eager"]
    heads = ["times as fast", f"mean ({denominator} = 1)", "texts/s (the same = 1)", f"mean ({eager} = 1)"]
    asked = (("mean_ms", denominator), ("texts_per_s", denominator), ("mean_ms", eager))
    rows = [
        [name, *("1" if name == over else _factor(ratio(result, name, figure, over)) for figure, over in asked)]
        for name in timed(result)
    ]
    return Table(heads, rows)


def timed(result: Result) -> list[str]:
    """Return the rows that have times."""
    return [name for name, row in result["rows"].items() if row["rounds"]]


def notes(result: Result) -> list[str]:
    """Return the conditions in sentences."""
    of, verdict = result["conditions"], control_verdict(result)
    machine, libraries, data = of["machine"], of["libraries"], of["dataset"]
    slow = [name for name, row in result["rows"].items() if row.get("few")]
    return [
        f"{data['name']}, {data['rows']['test']:,} test texts (SHA-256 {data['sha256'][:12]}), {data['labels']} "
        "labels. "
        f"{machine['cpu']}, {machine['threads']} thread, torch {libraries['torch']}, ONNX Runtime "
        f"{libraries['onnxruntime']}, {of['started'][:10]}.",
        f"Times: {of['texts']} test texts drawn at random, one at a time, tokenization included. "
        f"Texts/s: batches of {of['offline_batch']} sorted by length over {_offline(result)}. Accuracy: the whole "
        "test split at batch 1.",
        *(_few_note(result, name) for name in slow),
        _warm_note(of),
        f"{of['rounds']} interleaved rounds. Times are medians over the rounds; factors are geometric means of the "
        "ratios within a round, with the "
        "95 % t interval of their logarithms.",
        f"A/A control, the denominator against itself: mean {_factor(verdict.mean)}, texts/s "
        f"{_factor(verdict.texts_per_s)}.",
        *(_form_note(result, name, row) for name, row in result["rows"].items() if "form_of" in row),
        *(f"Left out: {name} ({reason})." for name, reason in result.get("left_out", {}).items()),
    ]


def _offline(result: Result) -> str:
    """Say of what the texts in batches are."""
    of = result["conditions"]
    if "offline_texts" in of:
        return f"{of['offline_texts']:,} others (whole batches, from short to long)"
    whole = of["dataset"]["rows"]["test"]  # a run of an earlier version
    fewer = [
        f"{row['offline_texts']:,} for {name}" for name, row in result["rows"].items() if row["offline_texts"] < whole
    ]
    return f"the test set{' (whole batches of it, from short to long: ' + ', '.join(fewer) + ')' if fewer else ''}"


def _few_note(result: Result, name: str) -> str:
    """Say what a slow row was timed and scored on."""
    row = result["rows"][name]
    return (
        f"{name} has its times from {row['texts']} of these texts alone and {row['offline_texts']} in batches, on "
        "which its factors compare the other "
        f"rows too, and its accuracy from {row['accuracy_texts']:,} test texts."
    )


def _warm_note(of: dict[str, Any]) -> str:
    """Say which words the tokenizers knew."""
    if "warmed_with" not in of:
        return "The tokenizers had met the very texts that are timed, which spares words that are new."
    return (
        f"Every row is opened anew for its turn in a round; its tokenizer has met the words of {of['warmed_with']:,} "
        "training texts, "
        "and none of the texts that are timed."
    )


def _form_note(result: Result, name: str, row: dict[str, Any]) -> str:
    """Say what a variant's fixed scales cost in time against those of the batch, and which answers these change."""
    variant, found = row["form_of"], row["invariance"]
    alone, batched = (ratio(result, name, figure, variant) for figure in ("mean_ms", "texts_per_s"))
    return (
        f"{variant} takes {_factor(alone)} times as long as the same with scales of the batch (in batches "
        f"{_factor(batched)}), which change "
        f"{found['flips_sorted']} labels in batches sorted by length and {found['flips_shuffled']} in shuffled ones, "
        "and a logit by up to "
        f"{found['largest_logit_change']:.2f}."
    )


def warnings(result: Result) -> list[str]:
    """Return one sentence for each reason not to trust the run."""
    verdict, found = control_verdict(result), []
    came_out = f"mean {_factor(verdict.mean)}, texts/s {_factor(verdict.texts_per_s)}"
    if not verdict.is_one:
        found.append(
            f"This run proves nothing: its A/A control is not 1.00 ({came_out}); run it again on a quiet machine."
        )
    elif not verdict.holds:
        found.append(
            f"The A/A control of this run is wider than {1 - CONTROL_WITHIN:g} to {1 + CONTROL_WITHIN:g} ({came_out}): "
            "a difference of its size proves nothing; run it again on a quiet machine."
        )
    elif not verdict.quiet:
        found.append(f"This run was noisy: its A/A control scatters by more than {100 * SCATTER:g} %.")
    for name, row in result["rows"].items():
        if changed := row.get("changed_answers"):
            found.append(
                f"{name} gave {changed} of {result['conditions']['texts']} texts another label than in its "
                "evaluation: not the machine it was built on?"
            )
    return found


def markdown(result: Result) -> str:
    """Return both tables with their conditions, under a bold line for each reason not to trust them."""
    parts = [
        *(f"**{warning}**" for warning in warnings(result)),
        as_markdown(figures(result)),
        as_markdown(factors(result)),
        " ".join(notes(result)),
    ]
    return "\n\n".join(parts) + "\n"


def short_table(result: Result) -> str:
    """Return one short table: the variants alone, beside the row that their speed is a multiple of."""
    full, faster = figures(result), {cells[0]: cells[1:3] for cells in factors(result).rows}
    places = [full.heads.index(head) for head in SHORT]
    over = result["denominator"]
    heads = ["variant", *SHORT[1:], f"speed ({over} = 1)", "the same in batches"]
    rows = [
        [cells[place] for place in places] + faster[cells[0]]
        for cells in full.rows
        if "version" in result["rows"][cells[0]] or cells[0] == over
    ]
    return (
        "\n\n".join(
            [*(f"**{warning}**" for warning in warnings(result)), as_markdown(Table(heads, rows)), notes(result)[0]]
        )
        + "\n"
    )


def print_comparison(result: Result, file: Path) -> None:
    """Print both tables, the conditions and, last, one line of JSON."""
    console = Console(highlight=False)
    for table in (figures(result), factors(result)):
        print_table(table, console)
    for line in [*notes(result), *warnings(result)]:
        console.print(line, markup=False, soft_wrap=True)
    by_figure = {
        name: {
            figure: round(ratio(result, name, figure, result["denominator"]).value, 3)
            for figure in ("mean_ms", "texts_per_s")
        }
        for name in timed(result)
    }
    print(
        json.dumps(
            {"result": str(file), "control_holds": control_verdict(result).holds, "times_as_fast": by_figure},
            ensure_ascii=False,
        )
    )


def print_table(table: Table, console: Console) -> None:
    """Print a table; a log cuts nothing of it."""
    shown = TerminalTable(header_style="bold", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for place, head in enumerate(table.heads):
        shown.add_column(escape(head), justify="right" if place else "left", overflow="fold")
    for row in table.rows:
        shown.add_row(*map(escape, row))
    if not console.is_terminal:
        console.width = console.measure(shown, options=console.options.update_width(LOG_WIDTH)).maximum
    console.print(shown)


def _rounds(result: Result, name: str, figure: str, *, few: bool = False) -> Sequence[float]:
    rounds = result["rows"][name]["rounds"]
    return [(one.get("few", one) if few else one)[figure] for one in rounds]


def _accuracy(estimate: dict[str, float] | None) -> str:
    return (
        f"{100 * estimate['value']:.2f} [{100 * estimate['low']:.1f}, {100 * estimate['high']:.1f}]"
        if estimate
        else "–"
    )


def _gate(verdict: dict[str, Any] | None) -> str:
    return f"{verdict['verdict']} at {100 * verdict['margin']:g}" if verdict else "–"


def _memory(memory: dict[str, float] | None) -> str:
    """Return what a process holds with the row, and held at most."""
    return f"{memory['resident_mb']:.0f} (peak {memory['peak_mb']:.0f})" if memory else "–"


def _milliseconds(time: float) -> str:
    return f"{time:.{3 if time < 1 else 2 if time < 10 else 1}f}"


def _factor(found: Factor) -> str:
    digits = 2 if round(found.value, 2) < 10 else 1 if round(found.value, 1) < 100 else 0
    if found.contradicted:
        return f"undecided [{found.least:.{digits}f}, {found.greatest:.{digits}f}]"
    return f"{found.value:.{digits}f} [{found.low:.{digits}f}, {found.high:.{digits}f}]"


def as_markdown(table: Table) -> str:
    """Return a table as Markdown: its first column to the left, figures to the right."""
    lines = [table.heads, ["---", *["---:"] * (len(table.heads) - 1)], *table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
