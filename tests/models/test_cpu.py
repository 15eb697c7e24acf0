from collections.abc import Iterator
from pathlib import Path

import pytest

from models import cpu
from models.errors import BonsaiError


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    cpu.cpu_fields.cache_clear()
    yield
    cpu.cpu_fields.cache_clear()


def test_the_processor_is_named() -> None:
    assert cpu.cpu_fields()["model name"]


def test_without_proc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cpu, "CPUINFO", tmp_path / "missing")
    assert set(cpu.cpu_fields()) == {"model name"}


@pytest.mark.parametrize(
    ("given", "flags", "exact"),
    [("auto", "avx2", True), ("auto", "avx2 avx512_vnni", False), ("", "avx_vnni", False), ("exact", "avx512_vnni", True), ("fast", "avx2", False)],
)
def test_exact_int8_products_where_the_fast_ones_saturate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str, flags: str, exact: bool) -> None:
    (tmp_path / "cpuinfo").write_text(f"model name\t: Some CPU\nflags\t\t: fpu {flags}\n")
    monkeypatch.setattr(cpu, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setenv("BONSAI_INT8", given)
    assert cpu.saturating_int8()[0] == exact


def test_another_choice_of_int8_products_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BONSAI_INT8", "slow")
    with pytest.raises(BonsaiError, match="BONSAI_INT8 is 'slow'; expected auto, exact or fast"):
        cpu.saturating_int8()
