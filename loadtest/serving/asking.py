"""Ask a server a few texts and look at its labels, before anything is measured."""

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from loadtest.ask.corpus import Question
from loadtest.errors import LoadTestError

PATIENCE_S = 30.0
AT_ONCE = 16  # so that what puts requests into one batch also has to part the answers again


class NoAnswerError(Exception):
    """What came instead of an answer."""


def ask(url: str, texts: Sequence[str]) -> Any:
    """Return the answer to one request (NoAnswerError)."""
    body = json.dumps({"texts": list(texts)}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        error.close()
        raise NoAnswerError(f"status {error.code}") from error
    except (OSError, ValueError) as error:
        raise NoAnswerError(f"{type(error).__name__}: {error}") from error


def check_labels(name: str, url: str, variant: str, questions: Sequence[Question]) -> None:
    """Ask each text alone, several at once, and all in one request; LoadTestError for a label unlike the build's."""
    wanted = [question.expected[variant] for question in questions]
    texts = [question.text for question in questions]
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            alone = [label for labels in pool.map(lambda text: labels_of(ask(url, [text])), texts) for label in labels]
        together = labels_of(ask(url, texts))
    except NoAnswerError as problem:
        raise LoadTestError(f"server '{name}' did not answer a text of the build ({problem})") from problem
    for how, given in (("alone", alone), ("in one request", together)):
        if given != wanted:
            differing = sum(one != other for one, other in zip(given, wanted, strict=False))
            raise LoadTestError(
                f"server '{name}' does not give the labels of the build: of {len(wanted)} texts asked {how} it gave "
                f"{len(given)} labels, {differing} of them others; build the variants on this machine"
            )


def labels_of(answer: Any) -> list[str]:
    """Return the labels of an answer: a list of predictions, or an object with one."""
    try:
        return [one["label"] for one in (answer if isinstance(answer, list) else answer["predictions"])]
    except (KeyError, TypeError) as error:
        raise NoAnswerError(f"no predictions but {str(answer)[:60]!r}") from error
