"""Which route a path leads to, as its percent signs are read."""

import inspect
import re

import pytest

from models.recipe.recipe import RESERVED_NAMES
from service.routes import table
from service.routes.experiments import forget_unit
from service.routes.table import FIXED, find


@pytest.mark.parametrize("unit", ["anna", "a/b", "/a", "a/", "a//b", "units/pause", "/"])
def test_a_unit_may_have_slashes_in_its_name(unit: str) -> None:
    route = find(f"/experiments/greeting/units/{unit}")
    assert route is not None
    assert (dict(route.handlers), route.arguments) == ({"DELETE": forget_unit}, ("greeting", unit))


@pytest.mark.parametrize(
    "path",
    [
        "/experiments/greeting/units", "/experiments/a/b/units/c", "/experiments/a/pause/b", "/assets/a/b",
        "/variants/a/b", "/builds/a/b", "/a/b/predict", "/v2/models/a/b/infer", "/v1/models/a/b:predict",
    ],
)  # fmt: skip
def test_no_other_name_has_one(path: str) -> None:
    assert find(path) is None


def test_whatever_a_variant_may_be_called_predicts() -> None:
    firsts = {*re.findall(r'case \["(\w+)"', inspect.getsource(table)), *(path.split("/")[1] for path in FIXED)}
    assert {"builds", "v1"} < firsts
    for name in firsts - RESERVED_NAMES:
        route = find(f"/{name}/predict")
        assert route is not None and route.variant, name
