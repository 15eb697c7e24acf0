"""A request that gets no answer: its status and its one sentence."""

import json

from service.variants.errors import TooLate, TooManyLabels, UnknownVariant, VariantError


class Refused(Exception):
    """A request that gets no prediction: HTTP status, one sentence, and headers such as Retry-After."""

    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    @property
    def body(self) -> bytes:
        """The answer's body: JSON with the sentence."""
        return json.dumps({"error": self.sentence}, ensure_ascii=False).encode("utf-8", "replace")


def refusal(problem: VariantError) -> Refused:
    """Return the refusal with which a route answers what a variant cannot do."""
    match problem:
        case UnknownVariant():
            return Refused(404, str(problem))
        case TooManyLabels():
            return Refused(400, str(problem))
        case TooLate():
            return Refused(503, str(problem), Retry_After="1")
    raise problem
