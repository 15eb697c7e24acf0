import pytest

from loadtest.numbers.cost import per_million, server_cores
from loadtest.numbers.result import Conditions, Placement, Result


@pytest.fixture
def here(good_result: Result) -> Conditions:
    """A service on the generator's machine, which has four cores."""
    conditions = good_result.conditions.model_copy(deep=True)
    conditions.same_machine, conditions.machine.usable_cores, conditions.generator, conditions.price_per_core_hour = (
        True,
        4,
        None,
        0.036,
    )
    return conditions


def test_all_cores_of_the_server_are_paid(here: Conditions) -> None:
    assert per_million(here, 1000.0) == pytest.approx(4 * 0.036 * 1000 / 3600)
    here.generator = Placement(pinned=True, server_cores=[0])
    assert per_million(here, 1000.0) == pytest.approx(0.01)


def test_the_cores_of_another_machine_must_be_said(here: Conditions) -> None:
    here.same_machine = False
    assert server_cores(here) is None
    assert per_million(here, 1000.0) is None
    here.server_cores = 16
    assert server_cores(here) == 16
    assert per_million(here, None) is None
