import pytest

from loadtest.errors import LoadTestError
from loadtest.serving.points import POINTS, choose, groups


def test_a_group_goes_from_little_load_to_much_and_every_point_is_in_one() -> None:
    found = groups(list(POINTS))
    assert [name for group in found for name in group] == list(POINTS)
    for group in found:
        loads = [POINTS[name].texts * POINTS[name].connections + 1000 * POINTS[name].large for name in group]
        assert loads == sorted(loads)
        assert len({POINTS[name].group for name in group}) == 1


def test_what_is_chosen_keeps_that_order() -> None:
    assert groups(["beside", "32x8", "1x8", "1x1"]) == [["1x1", "1x8"], ["32x8"], ["beside"]]
    assert list(choose(["new", "1x1"])) == ["1x1", "new"]


def test_a_point_that_there_is_not_is_one_sentence() -> None:
    with pytest.raises(LoadTestError, match="there is no point '2x2'; expected some of 1x1, 1x8, "):
        choose(["2x2"])
