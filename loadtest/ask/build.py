"""The build that a corpus belongs to: build.json lies beside it and names the version of every variant whose labels the
corpus holds.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from loadtest.errors import LoadTestError

BUILD_FILE = "build.json"
HELP = "build and serve anew, name the right one with --corpus, or check no labels with --no-labels"


def check_build(corpus: Path, served: Mapping[str, str]) -> str | None:
    """Refuse a corpus whose build has other versions of the variants than are served; return the build's id, None where
    no build.json says it.
    """
    file = corpus.with_name(BUILD_FILE)
    if not file.exists():
        return None
    try:
        build = json.loads(file.read_text(encoding="utf-8"))
        number, written = str(build["build_id"]), str(build["corpus_sha256"])
        versions = {name: str(variant["tag"]).rpartition(":")[2] for name, variant in build["variants"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LoadTestError(
            f"'{file}' does not say what build the corpus is of ({type(error).__name__}: {error}); run 'python -m "
            "models.build' again"
        ) from error
    if written and hashlib.sha256(corpus.read_bytes()).hexdigest() != written:
        raise LoadTestError(f"corpus '{corpus}' is not the one that build {number} beside it wrote; {HELP}")
    for name, version in served.items():
        if versions.get(name) != version:
            has = f"'{name}' {versions[name]}" if name in versions else f"no '{name}'"
            raise LoadTestError(
                f"corpus '{corpus}' is of another build than the service: build {number} has {has}, {version} is "
                f"served; {HELP}"
            )
    return number
