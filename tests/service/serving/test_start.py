"""What cannot be served ends `bentoml serve` itself with one sentence: no traceback, and no worker that is started
again and again.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import onnx
import pytest
from onnx.external_data_helper import set_external_data

from models.runtime.card import read_card, seal
from tests.service.conftest import ROOT

BENTOML = Path(sys.executable).with_name("bentoml")


@pytest.fixture
def copied(built: Path, bentoml_home: Path, tmp_path: Path) -> Path:
    """A folder with a build and the BentoML home that holds its models, both to be spoiled."""
    shutil.copytree(built, tmp_path / "variants", ignore=shutil.ignore_patterns(".steps"))
    for variant in json.loads((built / "build.json").read_text())["variants"].values():
        model = Path("models", *variant["tag"].split(":"))
        shutil.copytree(bentoml_home / model, tmp_path / "home" / model)
    return tmp_path


@pytest.fixture
def taken() -> Iterator[str]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield str(other.getsockname()[1])


def refusal(copied: Path, *arguments: str, library: bool = False, log: str = "", **settings: str) -> str:
    """Serve what cannot be served, and return the one sentence that is said, after what a `library` prints itself and
    what the log says.
    """
    environment = {
        **os.environ,
        "BONSAI_VARIANTS": str(copied / "variants"),
        "BENTOML_HOME": str(copied / "home"),
        **settings,
    }
    command = [str(BENTOML), "serve", "service.service:bonsai", "--host", "127.0.0.1", *(arguments or ("--port", "0"))]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 1, done.stdout + done.stderr
    *others, line = done.stderr.strip().splitlines()
    assert bool(others) == library and (log in done.stdout if log else not done.stdout.strip()), (
        done.stdout + done.stderr
    )
    assert "Traceback" not in done.stderr
    return line.removeprefix("Error: [serve] `serve` failed: ")


def stored(copied: Path, variant: str) -> Path:
    tag = json.loads((copied / "variants" / "build.json").read_text())["variants"][variant]["tag"]
    return copied / "home" / "models" / Path(*tag.split(":"))


def cut_model(copied: Path) -> None:
    file = stored(copied, "int8") / "model.onnx"
    file.write_bytes(file.read_bytes()[:1000])


def spoil_card(copied: Path) -> None:
    (stored(copied, "int8") / "card.json").write_text("{")


def drop_tokenizer(copied: Path) -> None:
    (stored(copied, "int8") / "tokenizer.json").unlink()


def drop_tag(copied: Path) -> None:
    shutil.rmtree(stored(copied, "int8"))


def spoil_entry(copied: Path) -> None:
    (stored(copied, "int8") / "model.yaml").write_text("")


def drop_part(copied: Path) -> None:
    file = copied / "variants" / "build.json"
    build = json.loads(file.read_text())
    del build["variants"]["int8"]
    file.write_text(json.dumps(build))


def spoil_build(copied: Path) -> None:
    (copied / "variants" / "build.json").write_bytes(b"\xff")


def resealed(folder: Path) -> None:
    content = dict(read_card(folder))
    del content["version"]
    seal(folder, **content)


def move_weights(copied: Path) -> None:
    folder = stored(copied, "distilled")
    model = onnx.load(folder / "model.onnx")
    set_external_data(model.graph.initializer[0], "../../../../etc/passwd")
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    resealed(folder)


def add_operator(copied: Path) -> None:
    folder = stored(copied, "distilled")
    model = onnx.load(folder / "model.onnx")
    model.graph.node.append(onnx.NodeProto(op_type="Run", domain="evil.ops", output=["x"]))
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    resealed(folder)


def panic(copied: Path) -> None:
    folder = stored(copied, "distilled")
    content = json.loads((folder / "tokenizer.json").read_text())
    content["pre_tokenizer"] = {"type": "FixedLength", "length": 0}
    (folder / "tokenizer.json").write_text(json.dumps(content))
    resealed(folder)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            move_weights,
            r"variant 'distilled': model.onnx is not opened: a weight lies in another file \(location \.\./.*passwd\); "
            r"expected one file .*; run 'python -m models.build' to build it again",
        ),
        (add_operator, r"variant 'distilled': model.onnx is not opened: .* of the domain 'evil.ops'; expected .*"),
        (
            cut_model,
            r"variant 'int8': model.onnx has SHA-256 .*: it was changed or cut short; run 'python -m models.build' to "
            r"build it again",
        ),
        (spoil_card, r"'.*card.json' is no card: .*; run 'python -m models.build' to build it again"),
        (
            drop_tokenizer,
            r"variant 'int8': tokenizer.json cannot be read \(No such file or directory\); run 'python -m "
            r"models.build' .*",
        ),
        (
            drop_tag,
            r"the BentoML model store does not hold 'bonsai-int8:\w{12}'; run 'python -m models.build' to store it "
            r"again, .*",
        ),
        (
            spoil_entry,
            r"the BentoML model store holds 'bonsai-int8:\w{12}' damaged \(.*\); run 'python -m models.build' to "
            r"store it again",
        ),
        (
            drop_part,
            r"variant 'cascade': its part 'int8' at version \w{12} is not there; run 'python -m models.build' .*",
        ),
        (spoil_build, r"'.*build.json' is no build of this version \(.*\); run 'python -m models.build' again"),
    ],
)
def test_damaged_variants_are_refused_before_there_is_a_worker(
    copied: Path, spoil: Callable[[Path], None], said: str
) -> None:
    spoil(copied)
    assert re.fullmatch(said, refusal(copied))


@pytest.mark.parametrize("content", [None, "", "shop predict", "shop write sha256:00"])
def test_keys_that_cannot_be_read_are_said_and_nobody_is_let_in(copied: Path, content: str | None) -> None:
    file = copied / "keys"
    if content is not None:
        file.write_text(content)
    said = refusal(copied, BONSAI_KEYS=str(file))
    assert str(file) in said and ("python -m service.keys new" in said or "expected" in said)


def test_a_tokenizer_that_panics_is_refused_after_what_its_library_prints_of_it(copied: Path) -> None:
    panic(copied)
    said = refusal(copied, library=True, RUST_BACKTRACE="0")
    assert re.search(r"variant 'distilled' cannot be used here \(ValueError: the tokenizer failed: chunk size", said)


def test_a_taken_port_is_said(copied: Path, taken: str) -> None:
    assert refusal(copied, "--port", taken).startswith(
        f"cannot listen on 127.0.0.1, port {taken} (Address already in use); choose others with --host and --port"
    )


def test_a_certificate_that_cannot_be_read_is_said(copied: Path) -> None:
    said = refusal(copied, "--port", "0", "--ssl-certfile", "/nope.pem", "--ssl-keyfile", "/nope.pem")
    assert said.startswith("the certificate '/nope.pem' with the key '/nope.pem' cannot be used (No such file or")


@pytest.mark.parametrize("content", [None, "", "{", "{}"])
def test_strict_refuses_what_it_cannot_check(copied: Path, content: str | None) -> None:
    corpus = copied / "variants" / "corpus.jsonl"
    corpus.unlink()
    if content is not None:
        corpus.write_text(content)
    said = refusal(copied, log="no start-up check: ", BONSAI_STRICT="1")
    assert said.startswith("corpus.jsonl has no test text for 'teacher', ") and "BONSAI_STRICT is 1" in said


def test_a_setting_that_is_none_is_said(copied: Path) -> None:
    assert refusal(copied, BONSAI_WORKERS="many") == "BONSAI_WORKERS is 'many'; expected a whole number from 1 to 1024"


def test_strict_refuses_other_labels_than_those_of_the_build(copied: Path) -> None:
    corpus = copied / "variants" / "corpus.jsonl"
    rows = [json.loads(line) for line in corpus.read_text(encoding="utf-8").splitlines()]
    rows[0]["expected"]["int8"] = "another"
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert refusal(copied, BONSAI_STRICT="1").startswith(
        f"'int8' gives 1 of {len(rows)} test texts another label than when it was built, and BONSAI_STRICT is 1;"
    )
