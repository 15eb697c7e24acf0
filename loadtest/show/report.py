"""All that is drawn of a run: the tables, the pictures and the page, beside its result.json."""

from collections.abc import Callable
from pathlib import Path

from loadtest.figures.comparison import Comparison
from loadtest.numbers.files import replaced, write_json
from loadtest.numbers.run_folder import read_result
from loadtest.scenarios import ramp
from loadtest.scenarios.registry import RANKING
from loadtest.scenarios.scenario import Scenario
from loadtest.show.accuracy import latency_against_accuracy
from loadtest.show.compact import compact
from loadtest.show.curve import latency_against_throughput
from loadtest.show.ecdf import share_within_time
from loadtest.show.page import html
from loadtest.show.table import markdown
from loadtest.show.tail import p99_bars

TABLE, PAGE, COMPARISON = "table.md", "report.html", "comparison.json"
PICTURES: dict[str, tuple[Scenario, Callable[[Comparison], bytes]]] = {
    "latency_accuracy.png": (RANKING, latency_against_accuracy),
    "latency_p99.png": (RANKING, p99_bars),
    "latency_ecdf.png": (RANKING, share_within_time),
    "latency_throughput.png": (ramp.SCENARIO, latency_against_throughput),
}


def draw(folder: Path) -> str:
    """Write tables, pictures and page beside result.json and return the table."""
    comparison = Comparison(read_result(folder))
    table = markdown(comparison)
    with replaced(folder / TABLE) as out:
        out.write(table)
    write_json(folder / COMPARISON, compact(comparison))
    pictures = {
        name: picture(comparison) for name, (scenario, picture) in PICTURES.items() if scenario in comparison.measured
    }
    for name, picture in pictures.items():
        with replaced(folder / name, "wb") as out:
            out.write(picture)
    page = html(comparison, pictures)
    with replaced(folder / PAGE) as out:
        out.write(page)
    return table
