from itertools import islice, pairwise
from statistics import fmean, stdev

import pytest

from loadtest.ask.arrivals import Bursts, arrivals
from loadtest.errors import LoadTestError


def test_gaps_are_exponential_at_the_rate() -> None:
    moments = list(islice(arrivals(200.0, "1"), 20_000))
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert all(gap >= 0 for gap in gaps)
    assert fmean(gaps) == pytest.approx(1 / 200, rel=0.03)
    assert stdev(gaps) == pytest.approx(1 / 200, rel=0.05)  # as an exponential distribution's


def test_the_same_seed_gives_the_same_arrivals() -> None:
    assert list(islice(arrivals(10.0, "1"), 50)) == list(islice(arrivals(10.0, "1"), 50))
    assert list(islice(arrivals(10.0, "1"), 50)) != list(islice(arrivals(10.0, "2"), 50))


def test_bursts_are_as_strong_as_asked_and_keep_the_mean() -> None:
    bursts = Bursts.parse("5,1,10")
    moments = [moment for moment in islice(arrivals(100.0, "1", bursts), 40_000) if moment < 390]
    assert moments == sorted(moments)
    assert len(moments) == pytest.approx(39_000, rel=0.03)
    inside = sum(moment % 10 < 1 for moment in moments)
    assert inside / (len(moments) - inside) == pytest.approx(5 * 1 / 9, rel=0.06)


@pytest.mark.parametrize(
    "text", ["5", "5,1", "a,b,c", "0.5,1,10", "5,10,10", "5,0,10", "nan,1,10", "inf,1,10", "5,1,inf"]
)
def test_bursts_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(LoadTestError, match="expected FACTOR,SECONDS,EVERY"):
        Bursts.parse(text)
    assert Bursts.parse("") is None
