"""What texts will take is told from what others took."""

from collections.abc import Sequence
from typing import Any

import pytest

from models.runtime.classifier import Spent
from service.variants.cost import BATCH, Cost, measure_cost


class Timed:
    """Takes 2 ms a call and 1 ms every hundred characters, by its own clock."""

    now = 0.0

    def predict(self, texts: Sequence[str], top_k: int = 1, spent: Spent | None = None) -> list[Any]:
        self.now += 0.002 + 0.00001 * sum(map(len, texts))
        return []


def test_a_text_costs_what_its_length_and_company_say() -> None:
    cost = Cost(alone=2.0, batched=0.5, character=0.01, most_characters=1000, batch=8)
    assert cost.of(["x" * 100]) == pytest.approx(3.0)
    assert cost.of(["x" * 5000]) == pytest.approx(12.0)
    assert cost.of(["x" * 100] * 10) == pytest.approx(15.0)


def test_it_is_measured_with_texts_as_they_come() -> None:
    timed: Any = Timed()
    cost = measure_cost(timed, ["x" * 100] * 3, 1000, 8, lambda: timed.now)
    assert cost == pytest.approx(Cost(alone=2.0, batched=0.25, character=0.01, most_characters=1000, batch=8))
    assert measure_cost(timed, [], 1000, clock=lambda: timed.now).batch == BATCH
