import numpy as np
import pytest

from service.evidence.label_free import disagreement
from service.evidence.latency import Moments, mean_ratio
from service.evidence.metric import metric
from service.evidence.sample_ratio import sample_ratio
from service.evidence.simulate import worlds
from service.evidence.simulate.looks import NEVER
from service.evidence.simulate.worlds import Claim, Draw, claims
from service.evidence.split import split

NO_DROP = [Claim(1.0, 0.0)]


def one(draw: Draw, labels: int) -> int:
    return int(draw(np.random.default_rng(0), 1, labels)[0])


def test_the_sample_ratio_is_looked_at_as_by_the_service() -> None:
    look = one(worlds.assigned([0.6, 0.4], [0.5, 0.5], 0.01), 2000)
    units = np.random.default_rng(0).choice(2, p=[0.6, 0.4], size=(1, 2000))[0]
    found = [sample_ratio(np.bincount(units[:n], minlength=2).tolist(), [1, 1]).mismatch for n in range(1, look + 1)]
    assert look != NEVER
    assert found == [False] * (look - 1) + [True]


@pytest.mark.parametrize(("weight", "only_above"), [(0.5, False), (0.8, False), (0.5, True)])
def test_latency_is_looked_at_as_by_the_service(weight: float, only_above: bool) -> None:
    """With tails so heavy that the interval often misses the truth."""
    looks = worlds.times(3.0, weight, 1.2, alpha=0.6, only_above=only_above)(np.random.default_rng(0), 8, 1500)
    generator = np.random.default_rng(0)
    took, arm = np.exp(3.0 * generator.standard_normal((8, 1500))), generator.random((8, 1500)) >= weight
    took[arm] *= 1.2

    def missed(times: np.ndarray, for_arm: np.ndarray) -> bool:
        arms = times[~for_arm], times[for_arm]
        control, treated = (Moments(len(some), some.sum(), (some**2).sum()) for some in arms)
        found = mean_ratio(control, treated, alpha=0.6)
        return found is not None and (found.low >= 1.2 or (found.high <= 1.2 and not only_above))

    by_hand = [
        next((n for n in range(400, 1501) if missed(times[:n], for_arm[:n])), NEVER)
        for times, for_arm in zip(took, arm, strict=True)
    ]
    assert looks.tolist() == by_hand
    assert any(by_hand)


@pytest.mark.parametrize(("weight", "size"), [(0.5, 1), (0.9, 9)])
def test_a_split_is_looked_at_as_by_the_service(weight: float, size: int) -> None:
    """The control is always right and the arm never: every block says 1."""
    look = one(worlds.split(1.0, 0.0, weight, NO_DROP), 1000)
    by_hand = next(n for n in range(1, 100) if split({1.0: n}, margin=0.01, alpha=0.05).low >= 0)
    assert look == by_hand
    assert one(worlds.split(1.0, 0.0, weight, NO_DROP), size * by_hand) == NEVER  # not enough labels of either arm


def test_a_metric_is_looked_at_as_by_the_service() -> None:
    shares = [0.2, 0.0, 0.3, 0.5]
    look = one(worlds.metric(shares, claims(0.2)), 2000)
    control, arm = np.random.default_rng(0).choice(4, p=shares, size=(2, 1, 1000))
    differences = (control - arm)[0] / 3

    def counts(n: int) -> dict[float, int]:
        return {float(value): int((differences[:n] == value).sum()) for value in np.unique(differences[:n])}

    found = [
        metric(counts(n), low=0, high=1, better="higher", margin=0.2, alpha=0.05).e_margin >= 40
        for n in (look - 1, look)
    ]
    assert found == [False, True]


def test_disagreement_is_looked_at_as_by_the_service() -> None:
    """All labels agree: a share of 1 that beats every floor."""
    look = one(worlds.rate(1.0, 0.99), 2000)
    assert disagreement(look - 1, 0, margin=0.01, alpha=0.05).e_margin < 40
    assert disagreement(look, 0, margin=0.01, alpha=0.05).e_margin >= 40
