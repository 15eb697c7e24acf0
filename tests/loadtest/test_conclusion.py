import re
from copy import deepcopy
from typing import Any

from loadtest.conclusion import UNFIT, conclusion
from loadtest.recording import Recording
from loadtest.summary import warnings


def test_the_conclusion_claims_what_the_interval_allows(good_result: dict[str, Any]) -> None:
    assert re.search(r"(int8|tiny) answers [\d.]+ times as fast as teacher", conclusion(good_result))
    result = deepcopy(good_result)
    for variant in result["variants"].values():
        variant["scenarios"] = deepcopy(result["variants"]["teacher"]["scenarios"])
    assert conclusion(result) == "No variant is faster than teacher beyond the interval of this run."


def test_nothing_is_concluded_where_nothing_was_compared(good_result: dict[str, Any]) -> None:
    result = deepcopy(good_result)
    for variant in result["variants"].values():
        del variant["scenarios"]["SingleStream"]["rounds"][1:]
    assert conclusion(result).startswith("No variant is compared with teacher: SingleStream was not measured in enough rounds")


def test_a_paragraph_for_all_scenarios(full_result: dict[str, Any]) -> None:
    result = deepcopy(full_result)
    del result["run"]["control"]  # on a busy machine it may rightly object
    for variant in result["variants"].values():
        variant["failures"] = {}
    result["variants"]["teacher"]["scenarios"]["SingleStream"]["rounds"] = [
        {**one, "histogram": slower["histogram"]}
        for one, slower in zip(*(result["variants"][name]["scenarios"]["SingleStream"]["rounds"] for name in ("tiny", "teacher")), strict=True)
    ]
    assert warnings(result) == []
    said = conclusion(result)
    if "as fast as" in said:  # on a busy machine the interval may say otherwise
        assert "No rate can be promised for it" in said
        assert "left it undecided" in said
        assert "texts a second" in said


def test_a_rate_that_was_confirmed_is_promised(full_result: dict[str, Any]) -> None:
    result = deepcopy(full_result)
    del result["run"]["control"]
    for variant in result["variants"].values():
        variant["failures"] = {}
    recording = Recording()
    for _ in range(1000):
        recording.add(1_000_000)
    quick = {**recording.to_json(), "seconds": 1.0, "generator": {}}
    for name, factor in (("teacher", 3), ("tiny", 1)):
        recording = Recording()
        for _ in range(100):
            recording.add(factor * 1_000_000)
        stream = {**recording.to_json(), "seconds": 1.0, "generator": {}}
        scenarios = result["variants"][name]["scenarios"]
        scenarios["SingleStream"]["rounds"] = [{"round": number, **stream} for number in (1, 2)]
        scenarios["Server"] |= {"rate": 1000.0 / factor, "rounds": [{"round": 1, "rate": 1000.0 / factor, **quick}]}
    assert "It takes 1,000 requests a second while 99 % of the answers come within 60.0 ms, and teacher 333; at that load" in conclusion(result)


def test_a_run_that_proves_nothing_concludes_nothing(good_result: dict[str, Any]) -> None:
    result = deepcopy(good_result)
    result["run"]["control"] = {"variant": "teacher", "rounds": result["variants"]["tiny"]["scenarios"]["SingleStream"]["rounds"]}
    assert "This run proves nothing: teacher against itself came out as" in warnings(result)[0]
    assert conclusion(result) == UNFIT
