import pytest

from models.prove.statistics import clopper_pearson, rows_for_power
from service.evidence.simulate.fixed import tango_labels, upper_bound


@pytest.mark.parametrize("worlds", [(0.045, 0.015, 0.0), (0.01, 0.01, 0.01), (0.002, 0.003, 0.005)])
def test_the_labels_are_those_that_the_gate_plans(worlds: tuple[float, float, float]) -> None:
    worse, better, margin = worlds
    assert tango_labels(worse, better, margin, 0.05) == pytest.approx(rows_for_power(worse, better, margin, 0.05, 0.9))


@pytest.mark.parametrize("events", [0, 1, 27, 200, 4000])
def test_the_upper_bound_is_exact(events: int) -> None:
    assert upper_bound(events, 4000) == pytest.approx(clopper_pearson(events, 4000, 0.975), abs=1e-9)
