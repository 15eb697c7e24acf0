"""The Bento's lock, the peers' requirements and the environment's pins name the same versions where it matters."""

import re
import tomllib
from pathlib import Path

from service.image.lock import FILES

ROOT = Path(__file__).parents[1]


def pins(file: str) -> dict[str, str]:
    lines = (line.split()[0].split("==") for line in (ROOT / file).read_text().splitlines() if line)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in lines}


def test_every_run_time_pin_is_a_pin_of_the_environment() -> None:
    assert pins("service/requirements.txt").items() <= pins("constraints.txt").items()


def test_every_pin_of_the_image_has_its_hashes() -> None:
    lines = [line for file in FILES for line in (ROOT / file).read_text().splitlines()]
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==\S+( --hash=sha256:[0-9a-f]{64})+", line)] == []


def test_what_does_the_peers_work_is_what_does_ours() -> None:
    peers, ours = pins("loadtest/peers/requirements.txt"), pins("constraints.txt")
    for name in ("onnxruntime", "tokenizers", "numpy", "pydantic", "rich", "uvicorn", "uvloop", "httptools", "orjson"):
        assert peers[name] == ours[name]


def test_the_extra_names_what_the_peers_requirements_pin() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    peers = pins("loadtest/peers/requirements.txt")
    named = dict(entry.split("==") for entry in project["optional-dependencies"]["peers"] if "==" in entry)
    assert named.items() <= peers.items()
