"""BentoML as its page on adaptive batching has it: one batchable API, 32 texts a batch, a second of latency allowed.

What a batchable API gives back is a list, and that list is the whole answer.
"""

from typing import Any

import bentoml

from loadtest.peers.work import answer, open_predictor, workers


@bentoml.service(workers=workers(), traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Stock:
    """The predictor behind POST /predict."""

    def __init__(self) -> None:
        self.predictor = open_predictor()

    @bentoml.api(batchable=True, max_batch_size=32, max_latency_ms=1000)  # type: ignore[untyped-decorator]
    def predict(self, texts: list[str]) -> list[dict[str, Any]]:
        """Classify the texts of one batch."""
        return answer(self.predictor, texts)
