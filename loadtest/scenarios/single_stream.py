"""SingleStream, as MLPerf names it: one request after another, by whose times the variants are ranked."""

from collections.abc import Sequence

from loadtest.numbers import text
from loadtest.numbers.result import Result
from loadtest.scenarios.load import Bench, Load
from loadtest.scenarios.measuring import keep, measured, seed
from loadtest.scenarios.plan import Plan, Turn
from loadtest.scenarios.scenario import Scenario, Table
from loadtest.scenarios.summary import Summary

SHOWN = (50.0, 90.0, 95.0, 99.0)


class SingleStream(Scenario):
    """One user in a closed loop."""

    name = "SingleStream"
    order = 1
    title = "SingleStream: one request after another"
    ranks = True
    paired = True
    repeated = True
    ceiling = "single"
    compared_by = (("mean", None), ("p95", 95.0))

    def take(self, turn: Turn, bench: Bench, plan: Plan, result: Result) -> int | None:
        """Measure for as long as was asked."""
        one = measured(turn, bench, result, Load(plan.warm_up, plan.seconds, timeout=plan.timeout), seed(plan, turn))
        return None if one is None else keep(result, turn, one)

    def table(self, result: Result, rows: Sequence[Summary]) -> Table:
        """Show accuracy and size beside the times."""
        baseline = result.run.baseline
        times = [f"p{share:g} ms" for share in SHOWN]
        figures = ["mean ms", *times[:-1], f"{times[-1]} [95 %]", "texts/s [95 %]", f"speed ({baseline} = 1)"]
        heads = ["variant", "accuracy", "gate", "size", *figures, "answers", "failures", "batch flips"]
        return heads, [self._cells(row, baseline) for row in rows]

    def _cells(self, row: Summary, baseline: str) -> list[str]:
        return [
            row.name,
            f"{100 * row.accuracy:.2f} % [{100 * row.accuracy_low:.1f}, {100 * row.accuracy_high:.1f}]",
            "withheld" if row.withheld else row.verdict or text.NONE,
            text.megabytes(row.bytes),
            text.milliseconds(row.mean),
            *(text.milliseconds(row.times[share]) for share in SHOWN[:-1]),
            text.milliseconds(row.times[99.0], row.intervals[99.0], interval=True),
            text.rate(row.rate, row.rates, interval=True),
            "1" if row.name == baseline else text.ratio(row.ratio),
            f"{row.answers:,}",
            text.by_kind(row.failures),
            f"{row.batch_flips:,}",
        ]


SCENARIO = SingleStream()
