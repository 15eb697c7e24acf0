import re
from copy import deepcopy

from loadtest.figures.comparison import Comparison
from loadtest.numbers.result import Result
from loadtest.show.page import html


def test_the_page_needs_no_other_file(good_result: Result) -> None:
    page = html(Comparison(good_result), {"a.png": b"PNG"})
    assert "data:image/png;base64,UE5H" in page
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert "{{" not in page
    assert all(name in page for name in good_result.variants)


def test_a_run_with_failures_concludes_nothing_and_shows_them(good_result: Result) -> None:
    result = deepcopy(good_result)
    int8 = result.variants["int8"]
    int8.failures, int8.failure_examples = {"5xx": 1}, {"5xx": ["status 500: <script>alert(1)</script>"]}
    page = html(Comparison(result), {})
    assert "not fit to compare" in page
    assert '<p class="warning">This run has 1 failed answer (int8: 1 5xx).</p>' in page
    assert "<script>" not in page


def test_every_scenario_has_its_table(full_result: Result) -> None:
    page = html(Comparison(full_result), {})
    assert all(f"<h2>{name}: " in page for name in ("SingleStream", "Server", "Offline"))
    assert "The limit is 60 ms: given with --p99-limit." in page
    assert "server on" in page or "not pinned" in page
