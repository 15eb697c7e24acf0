"""Writes what an image holds as a CycloneDX bill of materials: `sbom.py ENVIRONMENT ROOT BENTO FILE`, in the build
stage, with cyclonedx-bom beside it.

That tool lists the Python packages of ENVIRONMENT; of ROOT the Debian packages are added, of BENTO each model with the
hash on its card.
"""

import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

SCHEMA = SchemaVersion.V1_6


def debian(root: Path) -> Iterator[Component]:
    """Return a component for each Debian package of which the image holds something."""
    distribution = f"debian-{version(root)}"
    for status in sorted((root / "var/lib/dpkg/status.d").glob("*")):
        said = HeaderParser().parsestr(status.read_text())
        qualifiers = {"arch": said["Architecture"], "distro": distribution}
        url = PackageURL("deb", "debian", said["Package"], said["Version"], qualifiers)
        yield Component(
            name=said["Package"], version=said["Version"], type=ComponentType.LIBRARY, purl=url, bom_ref=str(url)
        )


def version(root: Path) -> str:
    """Return which Debian it is (os-release(5), "VERSION_ID")."""
    lines = (root / "etc/os-release").read_text().splitlines()
    said = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return said["VERSION_ID"].strip("\"'")


def models(bento: Path) -> Iterator[Component]:
    """Return a component for each model in a Bento."""
    for file in sorted(bento.glob("models/*/*/card.json")):
        card = json.loads(file.read_text())
        found = card.get("model_sha256") or card.get("sha256")
        yield Component(
            name=card["name"],
            version=card["version"],
            type=ComponentType.MACHINE_LEARNING_MODEL,
            bom_ref=f"model:{card['name']}:{card['version']}",
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=found)] if found else [],
            properties=[Property(name="bonsai:kind", value=str(card.get("kind")))],
        )


def main(environment: str, root: str, bento: str, out: str) -> None:
    """Write the bill, after it was held against the schema."""
    python = Component(
        name="cpython", version=platform.python_version(), type=ComponentType.PLATFORM, bom_ref="cpython",
        purl=PackageURL("generic", None, "python", platform.python_version()),
    )  # fmt: skip
    command = [
        "cyclonedx-py",
        "environment",
        environment,
        "--output-format=JSON",
        f"--spec-version={SCHEMA.to_version()}",
    ]
    listed = subprocess.run(command, check=True, capture_output=True, text=True)
    bom: Bom = Bom.from_json(json.loads(listed.stdout))  # type: ignore[attr-defined]
    for component in (python, *debian(Path(root)), *models(Path(bento))):
        bom.components.add(component)
    written = make_outputter(bom, OutputFormat.JSON, SCHEMA).output_as_string(indent=1)
    wrong = JsonStrictValidator(SCHEMA).validate_str(written)
    if wrong is not None:
        raise SystemExit(f"sbom: it does not fit its schema: {wrong}")
    Path(out).write_text(written + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
