"""What the operator may set for experiments, read from the environment."""

import os
import re
from pathlib import Path

from bentoml._internal.configuration.containers import BentoMLContainer

from models.runtime.errors import BonsaiError

LEAST_KEY = 16  # characters
SWITCHES = ("BONSAI_ADMIN_KEY", "BONSAI_EXPERIMENTS", "BONSAI_DATABASE_URL")
FILE = "experiments.sqlite"


def is_on() -> bool:
    """Tell whether this service keeps experiments: whether anything of theirs is set."""
    return any(os.environ.get(name) for name in SWITCHES)


def admin_key() -> str:
    """Return the key of whoever may change things (BONSAI_ADMIN_KEY), empty where nobody may."""
    given = os.environ.get("BONSAI_ADMIN_KEY", "")
    if given and not re.fullmatch(rf"[!-~]{{{LEAST_KEY},256}}", given):
        raise BonsaiError(
            f"BONSAI_ADMIN_KEY has {len(given)} characters, or some that no header carries; expected {LEAST_KEY} to "
            "256 letters, digits and signs, such as 'openssl rand -hex 32' gives"
        )
    return given


def database_url() -> str:
    """Return where experiments are stored (BONSAI_DATABASE_URL, a SQLite file in BentoML's home)."""
    given = os.environ.get("BONSAI_DATABASE_URL")
    if given:
        return given
    folder = Path(BentoMLContainer.bentoml_home.get()) / "bonsai"
    return f"sqlite:///{folder / FILE}"


def experiments_file() -> Path | None:
    """Return the YAML file of experiments to begin with (BONSAI_EXPERIMENTS, none)."""
    given = os.environ.get("BONSAI_EXPERIMENTS")
    return Path(given) if given else None


def default_variant(variants: list[str]) -> str:
    """Return who answers POST /predict where there is no experiment (BONSAI_DEFAULT_VARIANT, the teacher)."""
    given = os.environ.get("BONSAI_DEFAULT_VARIANT") or variants[0]
    if given not in variants:
        raise BonsaiError(f"BONSAI_DEFAULT_VARIANT is '{given[:64]}'; expected one of {', '.join(variants)}")
    return given
