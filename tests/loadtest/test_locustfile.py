import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]


def locust(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "locust", "-f", "loadtest/locustfile.py", "--headless", "-t", "1", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_a_variant_is_asked_and_exact_percentiles_are_said(good_server: str, corpus_file: Path) -> None:
    done = locust("--host", good_server, "--corpus", corpus_file, "--variant", "int8")
    assert done.returncode == 0, done.stderr
    assert "/int8/predict" in done.stdout + done.stderr
    assert "exact, from" in done.stdout
    assert "failures: 0" in done.stdout


def test_wrong_labels_fail_alone_and_flip_in_company(start_server: Callable[..., str], corpus_file: Path) -> None:
    server = start_server(wrong={"int8": 5}, flips={"tiny": 2}, delay=0.002)
    alone = locust("--host", server, "--corpus", corpus_file, "--variant", "int8")
    assert alone.returncode == 1
    assert "wrong_label" in alone.stdout
    together = locust("--host", server, "--corpus", corpus_file, "--variant", "tiny", "--texts-per-request", 4)
    assert together.returncode == 0
    assert "failures: 0" in together.stdout
    assert "batch flips: 0" not in together.stdout


def test_a_bad_variant_is_one_line_and_no_request(good_server: str, corpus_file: Path) -> None:
    done = locust("--host", good_server, "--corpus", corpus_file, "--variant", "none")
    assert done.returncode == 2
    assert "error: variant 'none' is not served" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
