"""Whether an answer is right: two hundred, in time, as the contract says, and with the label the variant is known to
give.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LATE = "late"
DROPPED = "dropped"
OFF_SCHEMA = "off_schema"
WRONG_LABEL = "wrong_label"
# and "3xx", "4xx", "5xx" for answers that are not 2xx


@dataclass(frozen=True, slots=True)
class Verdict:
    """`failure` is None for a right answer, else its kind; `batch_flips` counts other labels in a request of several
    texts.
    """

    failure: str | None = None
    detail: str = ""
    batch_flips: int = 0


RIGHT = Verdict()


def judge(status: int, body: bytes, variant: str, version: str | None, expected: Sequence[str | None]) -> Verdict:
    """Check an answer to `len(expected)` texts; any version, and any label, is accepted where none is given."""
    if not 200 <= status < 300:
        return Verdict(f"{status // 100}xx", f"status {status}: {body[:160].decode('utf-8', 'replace')}")
    try:
        answer = json.loads(body)
        problem = _off_schema(answer, variant, version, len(expected))
    except (ValueError, RecursionError):
        problem = f"the body is not JSON: {body[:80]!r}"
    if problem:
        return Verdict(OFF_SCHEMA, problem)
    different = [
        (right, given["label"])
        for right, given in zip(expected, answer["predictions"], strict=True)
        if right is not None and given["label"] != right
    ]
    if not different:
        return RIGHT
    if len(expected) == 1:
        return Verdict(WRONG_LABEL, "expected '{}', got '{}'".format(*different[0]))
    # Dynamic INT8 scales its activations over the whole batch, so a label may change with a text's neighbours: told
    # apart, and no failure.
    return Verdict(batch_flips=len(different))


def _off_schema(answer: Any, variant: str, version: str | None, texts: int) -> str:
    if not isinstance(answer, dict):
        return f"expected an object, got {type(answer).__name__}"
    if answer.get("variant") != variant:
        return f"expected variant '{variant}', got {answer.get('variant')!r}"
    if not isinstance(answer.get("version"), str) or version not in (None, answer["version"]):
        return f"expected version {version or 'as a string'}, got {answer.get('version')!r}"
    if not isinstance(answer.get("request_id"), str):
        return f"expected a request_id, got {answer.get('request_id')!r}"
    predictions = answer.get("predictions")
    if not isinstance(predictions, list) or len(predictions) != texts:
        return (
            f"expected {texts} predictions, got {len(predictions) if isinstance(predictions, list) else predictions!r}"
        )
    for prediction in predictions:
        if not _is_prediction(prediction):
            return f"expected a prediction of label, score from 0 to 1 and truncated, got {str(prediction)[:80]}"
    return ""


def _is_prediction(given: Any) -> bool:
    if not isinstance(given, dict):
        return False
    label, score, truncated = given.get("label"), given.get("score"), given.get("truncated")
    # NaN, which Python's JSON reader lets in, is not between 0 and 1, and True is no score.
    return (
        isinstance(label, str)
        and isinstance(truncated, bool)
        and isinstance(score, int | float)
        and not isinstance(score, bool)
        and 0 <= score <= 1
    )
