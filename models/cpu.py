"""What the processor says of itself (no torch)."""

import platform
from functools import cache
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


INTEGER_FLAGS = ("avx512_vnni", "avx_vnni", "amx_int8")  # instructions that multiply unsigned by signed bytes without saturating


@cache
def cpu_fields() -> dict[str, str]:
    """Return the fields of the last processor in /proc/cpuinfo (`vendor_id`, `model name`, `flags`, …), or its name alone where there is no such file."""
    if not CPUINFO.exists():
        return {"model name": platform.processor()}
    lines = (line.split(":", 1) for line in CPUINFO.read_text().splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in lines}


def integer_flags() -> list[str]:
    """Return which of the instructions for exact INT8 products this processor has."""
    return sorted(set(cpu_fields().get("flags", "").split()) & set(INTEGER_FLAGS))
