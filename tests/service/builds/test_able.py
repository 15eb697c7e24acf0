from pathlib import Path
from typing import Any

import pytest

from models.runtime.store import read_build
from service.builds.able import GRAPH, cannot_train, trained_anew
from service.builds.asked import cards
from tests.conftest import TINY_RECIPE

DISTILL = TINY_RECIPE["variants"]["distilled"][0]


@pytest.mark.parametrize(
    ("passes", "trains"),
    [
        ([{"quantize": {}}], False),
        ([{"trim": {}}, {"quantize": {}}], False),
        ([{"cascade": {"small": "int8", "large": "teacher"}}], False),
        ([DISTILL, {"quantize": {"embeddings": False}}], False),  # of `distilled`, which is there
        ([{"distill": {"layers": 3}}, {"quantize": {}}], True),
        ([{"prune": {}}], True),
    ],
)
def test_what_stands_on_a_graph_that_is_there_trains_nothing(
    passes: list[dict[str, Any]], trains: bool, built: Path
) -> None:
    assert trained_anew(passes, cards(read_build(built))) is trains


def test_what_trains_nothing_is_made_everywhere(built: Path) -> None:
    known = cards(read_build(built))
    assert cannot_train([{"quantize": {}}], known) == ""
    assert cannot_train([{"prune": {}}], known) == "", "torch is here"


def test_of_a_graph_nothing_is_trained(built: Path) -> None:
    known = cards(read_build(built))
    libraries = {name: one for name, one in known["teacher"].libraries.items() if name not in ("torch", "transformers")}
    known["teacher"] = known["teacher"].model_copy(update={"libraries": libraries})
    assert cannot_train([{"prune": {}}], known) == GRAPH
    assert cannot_train([{"quantize": {}}], known) == ""
