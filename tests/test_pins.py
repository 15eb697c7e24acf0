"""The Bento's lock and the environment's pins name the same versions."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def pins(file: str) -> dict[str, str]:
    lines = (line.split("==") for line in (ROOT / file).read_text().splitlines() if line)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in lines}


def test_every_run_time_pin_is_a_pin_of_the_environment() -> None:
    assert pins("service/requirements.txt").items() <= pins("constraints.txt").items()
