"""What the commands that measure with wrk have in common: what is asked, where it is kept, and how they end."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loadtest.ask.corpus import Question, check_expected, read_corpus
from loadtest.errors import LoadTestError
from loadtest.numbers.files import check_place, write_json
from loadtest.serving.running import NotStartedError

CORPUS = "corpus.jsonl"


def questions_of(variants: Path, *names: str) -> tuple[Question, ...]:
    """Return what can be asked of these variants of a build (LoadTestError)."""
    corpus = variants / CORPUS
    questions = read_corpus(corpus, "--variants")
    check_expected(questions, names, corpus, "--variant")
    return questions


def heed_signals() -> None:
    """Let both ways of ending end the server that runs too; what a shell starts in the background ignores one."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def keep(out: Path, measure: Callable[[], dict[str, Any]], markdown: Callable[[dict[str, Any]], str]) -> int:
    """Measure, keep and show; exit code 2 for what the user can repair, 130 when interrupted."""
    heed_signals()
    try:
        check_place(out)
        kept = measure()
        write_json(out, kept)
    except (LoadTestError, NotStartedError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"interrupted; '{out}' is as it was", file=sys.stderr)
        return 130
    print(markdown(kept))
    return 0
