"""What the operator may set for builds."""

import pytest

from models.runtime.errors import BonsaiError
from service.builds.settings import Limits, limits


def test_without_settings_time_and_cores_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECONDS", "MEMORY_MB", "CORES", "DISK_MB"):
        monkeypatch.delenv(f"BONSAI_BUILD_{name}", raising=False)
    assert limits() == Limits(7200, 0, 1, 512)


@pytest.mark.parametrize("given", ["0", "-1", "1.5", "many", "9" * 12])
def test_a_limit_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("BONSAI_BUILD_SECONDS", given)
    with pytest.raises(BonsaiError, match="BONSAI_BUILD_SECONDS"):
        limits()
