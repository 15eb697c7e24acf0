import pytest
import torch

from models.train.numerics import reproducible

DENORMAL = torch.tensor([1e-39])


def test_denormals_are_zero_and_sums_have_one_order_only_within() -> None:
    with pytest.raises(KeyError), reproducible():
        assert (DENORMAL * 1.0).item() == 0.0
        assert torch.are_deterministic_algorithms_enabled()
        raise KeyError
    assert (DENORMAL * 1.0).item() > 0.0
    assert not torch.are_deterministic_algorithms_enabled()
