"""`python -m tests.audit --pip-audit COMMAND`: whether what is pinned has known vulnerabilities, for `make audit`.

pip-audit counts what its source does not know as skipped, says "no known vulnerabilities" and ends well. Here a package
that has some is asked about first, and a source that does not know of them is no source.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parents[1]
SETS = {"run": ROOT / "service" / "requirements.txt", "build": ROOT / "constraints.txt"}
EXCEPTIONS = ROOT / "tests" / "advisories.yaml"
VULNERABLE = "jinja2==2.10"  # CVE-2019-10906 and others
MOST_S = 600


class NoSource(Exception):
    """Nothing is known here about vulnerabilities."""


class Found(NamedTuple):
    """A known vulnerability of a pinned package; `fixed` are the versions without it."""

    package: str
    version: str
    ids: tuple[str, ...]
    fixed: tuple[str, ...]


class Accepted(NamedTuple):
    """Vulnerabilities that are let through in one set of packages: those of these ids, or all of these packages."""

    set: str
    reason: str
    ids: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()

    def holds(self, found: Found) -> bool:
        """Tell whether this is one of them."""
        return found.package in self.packages or bool(set(self.ids) & set(found.ids))


def audit(command: str, requirements: Path) -> tuple[list[Found], list[str]]:
    """Return the vulnerabilities of pinned packages, and the packages that nothing is known of (NoSource)."""
    options = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
    try:
        done = subprocess.run(
            [command, "-r", str(requirements), *options], capture_output=True, text=True, timeout=MOST_S
        )
        content = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        said = done.stderr.strip().rpartition("\n")[2][:200] if isinstance(error, ValueError) else str(error)
        raise NoSource(said) from error
    return read(content)


def read(content: dict[str, Any]) -> tuple[list[Found], list[str]]:
    """Return what a report of pip-audit says."""
    found, unknown = list[Found](), list[str]()
    for package in content["dependencies"]:
        if "skip_reason" in package:
            unknown.append(package["name"])
        for each in package.get("vulns", ()):
            ids = (each["id"], *each.get("aliases", ()))
            found.append(Found(package["name"], package["version"], ids, tuple(each["fix_versions"])))
    return found, unknown


def read_exceptions(text: str) -> list[Accepted]:
    """Read the file of exceptions; each has a set, a reason, and ids or packages (ValueError)."""
    accepted = []
    for entry in yaml.safe_load(text) or []:
        given = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
        one = Accepted(**given)
        if one.set not in SETS or len(str(one.reason)) < 20 or not (one.ids or one.packages):
            raise ValueError(f"an exception is not what is expected (set, reason, ids or packages): {entry}")
        accepted.append(one)
    return accepted


def judge(name: str, found: list[Found], accepted: list[Accepted]) -> tuple[list[Found], list[Accepted]]:
    """Return what is not let through in a set, and the exceptions of it that match nothing."""
    here = [one for one in accepted if one.set == name]
    bad = [each for each in found if not any(one.holds(each) for one in here)]
    return bad, [one for one in here if not any(one.holds(each) for each in found)]


def main() -> int:
    """Audit both sets; exit code 1 where one has a vulnerability that is not let through, 0 where nothing is known."""
    parser = argparse.ArgumentParser(prog="python -m tests.audit")
    parser.add_argument("--pip-audit", default="pip-audit", metavar="COMMAND")
    command = parser.parse_args().pip_audit
    accepted, bad = read_exceptions(EXCEPTIONS.read_text(encoding="utf-8")), 0
    try:
        with tempfile.TemporaryDirectory() as folder:
            known = Path(folder) / "requirements.txt"
            known.write_text(f"{VULNERABLE}\n")
            if not audit(command, known)[0]:
                raise NoSource(f"it knows of no vulnerability of {VULNERABLE}")
        for name, requirements in SETS.items():
            found, unknown = audit(command, requirements)
            wrong, stale = judge(name, found, accepted)
            for each in wrong:
                fixed = f"; fixed in {', '.join(each.fixed)}" if each.fixed else ""
                print(f"audit, {name}: {each.package} {each.version} has {', '.join(each.ids)}{fixed}")
            for one in stale:
                print(f"audit, {name}: the exception for {', '.join(one.ids or one.packages)} matches nothing")
            let = len(found) - len(wrong)
            print(f"audit, {name}: {len(wrong)} vulnerabilities, {let} let through, {len(unknown)} packages unknown")
            bad += len(wrong)
    except NoSource as problem:
        print(f"audit: skipped, because the source of advisories cannot be reached here ({problem})")
        return 0
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
