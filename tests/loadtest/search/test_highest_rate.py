import pytest

from loadtest.search.highest_rate import CLOSE_ENOUGH, HIGHEST, highest_rate


@pytest.mark.parametrize("truth", [0.7, 3.0, 149.0, 1900.0, 15_000.0])
@pytest.mark.parametrize("first", [1.0, 100.0, 5_000.0])
def test_the_truth_lies_between_what_passed_and_what_failed(truth: float, first: float) -> None:
    tried: list[float] = []

    def sustained(rate: float) -> bool:
        tried.append(rate)
        return rate <= truth

    found = highest_rate(first, sustained)
    assert found is not None
    assert found.failed is not None
    assert found.passed <= truth < found.failed
    assert found.failed / found.passed <= CLOSE_ENOUGH
    assert len(tried) == len(set(tried)) <= 22


def test_a_service_that_sustains_everything_or_nothing() -> None:
    most, nothing = highest_rate(100.0, lambda rate: True), highest_rate(100.0, lambda rate: False)
    assert most is not None and nothing is not None
    assert (most.passed, most.failed) == (HIGHEST, None)
    assert nothing.passed == 0.0
    few = highest_rate(100.0, lambda rate: False, lowest=10.0)
    assert few is not None
    assert (few.passed, few.failed) == (0.0, 10.0)


def test_an_interrupted_search_has_no_answer() -> None:
    assert highest_rate(100.0, lambda rate: None) is None
