"""The folder that the workers of one service share, and no other service does.

BentoML empties one folder a home at every start, and with it the figures of a service that runs there.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import click
from bentoml._internal.configuration.containers import BentoMLContainer


def use_own_metrics_folder() -> None:
    """Give the service that this `bentoml serve` starts a folder of its own; a worker is told which it is."""
    command = click.get_current_context(silent=True)
    if command is None or "port" not in command.params or "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        return
    folder = Path(tempfile.mkdtemp(prefix="bonsai-metrics-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    BentoMLContainer.prometheus_multiproc_dir.set(str(folder))
