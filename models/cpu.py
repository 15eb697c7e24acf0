"""What the processor says of itself (no torch)."""

import os
import platform
from functools import cache
from pathlib import Path

from models.errors import BonsaiError

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


def bf16_is_fast() -> bool:
    """Tell whether this processor multiplies bf16 faster than fp32: with tiles (AMX), or an AMD one with the bf16 instructions.

    Emerald Rapids with its tiles hidden has the instructions and yet takes 503 ms for the training step that fp32 does in 341 ms; Zen 4 gains.
    """
    flags = cpu_fields().get("flags", "").split()
    return "amx_tile" in flags or ("AuthenticAMD" in cpu_fields().get("vendor_id", "") and "avx512_bf16" in flags)


def saturating_int8() -> tuple[bool, str]:
    """Tell whether INT8 products could saturate here, so that the slower exact ones are needed, and why; BONSAI_INT8 (auto, exact, fast) forces the choice.

    Without VNNI, two products of a byte and a signed byte are added in 16 bits, which cuts large sums short (BonsaiError for another value).
    """
    given, flags = os.environ.get("BONSAI_INT8") or "auto", integer_flags()
    if given not in ("auto", "exact", "fast"):
        raise BonsaiError(f"BONSAI_INT8 is '{given}'; expected auto, exact or fast")
    if given != "auto":
        return given == "exact", f"{given} INT8 products: BONSAI_INT8 says so"
    if flags:
        return False, f"fast INT8 products: the CPU has {', '.join(flags)}"
    return True, f"exact, slower INT8 products: the CPU has none of {', '.join(INTEGER_FLAGS)}"
