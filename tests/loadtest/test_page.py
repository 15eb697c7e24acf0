import re
from copy import deepcopy
from typing import Any

from loadtest.page import conclusion, html


def test_the_page_needs_no_other_file(good_result: dict[str, Any]) -> None:
    page = html(good_result, b"PNG")
    assert "data:image/png;base64,UE5H" in page
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert "{{" not in page
    assert all(name in page for name in good_result["variants"])


def test_the_conclusion_claims_what_the_interval_allows(good_result: dict[str, Any]) -> None:
    assert re.search(r"(int8|tiny) answers [\d.]+ times as fast as teacher", conclusion(good_result))
    result = deepcopy(good_result)
    for variant in result["variants"].values():
        variant["scenarios"] = deepcopy(result["variants"]["teacher"]["scenarios"])
    assert conclusion(result) == "No variant is faster than teacher beyond the interval of this run."


def test_a_run_with_failures_concludes_nothing_and_shows_them(good_result: dict[str, Any]) -> None:
    result = deepcopy(good_result)
    result["variants"]["int8"] |= {"failures": {"5xx": 1}, "failure_examples": {"5xx": ["status 500: <script>alert(1)</script>"]}}
    page = html(result, b"PNG")
    assert "not fit to compare" in page
    assert '<p class="warning">This run has 1 failed answer (int8: 1 5xx).</p>' in page
    assert "<script>" not in page
