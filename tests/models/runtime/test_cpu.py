from collections.abc import Iterator
from pathlib import Path

import pytest

from models.runtime import cpu


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


def test_what_has_no_name_is_called_by_its_numbers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n")
    monkeypatch.setattr(cpu, "CPUINFO", tmp_path / "cpuinfo")
    assert cpu.cpu_name().endswith(" 0x41 0xd40")


@pytest.mark.parametrize(
    ("vendor", "flags", "fast"),
    [
        ("GenuineIntel", "avx2 avx512_bf16 amx_bf16 amx_tile", True),
        ("GenuineIntel", "avx2 avx512_bf16", False),
        ("AuthenticAMD", "avx2 avx512_bf16", True),
        ("AuthenticAMD", "avx2", False),
    ],
)
def test_bf16_is_taken_where_it_is_faster(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, vendor: str, flags: str, fast: bool
) -> None:
    (tmp_path / "cpuinfo").write_text(f"vendor_id\t: {vendor}\nflags\t\t: fpu {flags}\n")
    monkeypatch.setattr(cpu, "CPUINFO", tmp_path / "cpuinfo")
    assert cpu.bf16_is_fast() == fast
