"""What the operator may set for experiments, read from the environment."""

import contextlib
import os
import re
from pathlib import Path

from bentoml._internal.configuration.containers import BentoMLContainer

from models.runtime.errors import BonsaiError

LEAST_KEY = 16  # characters
SWITCHES = ("BONSAI_ADMIN_KEY", "BONSAI_EXPERIMENTS", "BONSAI_DATABASE_URL")
FILE = "experiments.sqlite"
MOST_DAYS = 36_500


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
    with contextlib.suppress(OSError):  # the store says that it is away
        folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{folder / FILE}"


def keep_days() -> float:
    """Return for how many days answers are kept (BONSAI_KEEP_DAYS, 90); sums and labels stay."""
    given = os.environ.get("BONSAI_KEEP_DAYS") or "90"
    try:
        days = float(given)
    except ValueError:
        days = 0.0
    if not 0 < days <= MOST_DAYS:
        raise BonsaiError(f"BONSAI_KEEP_DAYS is '{given[:64]}'; expected days, above 0 and up to {MOST_DAYS:,}")
    return days


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
