import hashlib
import json
from pathlib import Path

import pytest

from loadtest.ask.build import check_build
from loadtest.ask.traffic import Traffic
from loadtest.errors import LoadTestError

CORPUS = b'{"text": "a", "label": "b", "expected": {"int8": "b"}}\n'


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A corpus beside the build.json that names it."""
    file = tmp_path / "corpus.jsonl"
    file.write_bytes(CORPUS)
    variants = {
        "int8": {"tag": "bonsai-int8:0123456789ab", "key": "k"},
        "my_own": {"tag": "bonsai-my-own:ba9876543210", "key": "k"},
    }
    build = {"build_id": "feedfacecafe", "corpus_sha256": hashlib.sha256(CORPUS).hexdigest(), "variants": variants}
    (tmp_path / "build.json").write_text(json.dumps(build), encoding="utf-8")
    return file


def test_the_build_is_named_where_all_versions_are_served(corpus: Path) -> None:
    assert check_build(corpus, {"int8": "0123456789ab", "my_own": "ba9876543210"}) == "feedfacecafe"
    assert check_build(corpus, {"my_own": "ba9876543210"}) == "feedfacecafe"


@pytest.mark.parametrize(
    ("served", "has"),
    [({"int8": "ffffffffffff"}, "'int8' 0123456789ab, ffffffffffff is served"), ({"other": "1"}, "no 'other'")],
)
def test_another_version_is_refused_with_what_helps(corpus: Path, served: dict[str, str], has: str) -> None:
    with pytest.raises(
        LoadTestError, match=f"of another build than the service: build feedfacecafe has {has}.*--no-labels"
    ):
        check_build(corpus, served)


def test_a_corpus_that_was_written_after_the_build_is_refused(corpus: Path) -> None:
    corpus.write_bytes(CORPUS + CORPUS)
    with pytest.raises(LoadTestError, match="is not the one that build feedfacecafe beside it wrote"):
        check_build(corpus, {})


@pytest.mark.parametrize(
    "content", ["", "[]", '{"build_id": "a"}', '{"build_id": "a", "corpus_sha256": "", "variants": {"int8": 3}}']
)
def test_a_build_that_cannot_be_read_is_refused(corpus: Path, content: str) -> None:
    corpus.with_name("build.json").write_text(content, encoding="utf-8")
    with pytest.raises(LoadTestError, match=r"run 'python -m models\.build' again"):
        check_build(corpus, {})


def test_nothing_is_known_without_a_build_and_nothing_asked_without_labels(corpus: Path) -> None:
    served = {"int8": "ffffffffffff"}
    assert Traffic(str(corpus), labels=False).check_build(served) is None
    assert Traffic(str(corpus), lengths="8").check_build(served) is None
    with pytest.raises(LoadTestError, match="another build"):
        Traffic(str(corpus)).check_build(served)
    corpus.with_name("build.json").unlink()
    assert Traffic(str(corpus)).check_build(served) is None
