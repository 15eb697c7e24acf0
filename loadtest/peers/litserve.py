"""LitServe with batches of up to 32 requests and, as it recommends from a hundred requests a second on, its fast queue:
`python -m loadtest.peers.litserve PORT`.
"""

import sys
from typing import Any

from litserve import LitAPI, LitServer

from loadtest.peers.work import Answer, answer_batch, open_predictor, workers

# What a batch waits for more requests. Its documentation says no best value, and its examples' 10 to 100 ms, made for
# large models on GPUs, would be most of what a client here waits for.
TIMEOUT_S = 0.001


class Classify(LitAPI):
    """The predictor behind POST /predict."""

    def setup(self, device: str) -> None:
        """Load it, once in a worker."""
        self.predictor = open_predictor()

    def decode_request(self, request: dict[str, Any]) -> list[str]:
        """Return the texts of a request."""
        texts: list[str] = request["texts"]
        return texts

    def batch(self, inputs: list[list[str]]) -> list[list[str]]:
        """Keep the requests apart: they have different numbers of texts."""
        return inputs

    def predict(self, requests: list[list[str]]) -> list[Answer]:
        """Classify the texts of one batch."""
        return answer_batch(self.predictor, requests)

    def unbatch(self, output: list[Answer]) -> list[Answer]:
        """Return the answers, one a request."""
        return output

    def encode_response(self, output: Answer) -> dict[str, Answer]:
        """Return the body of an answer."""
        return {"predictions": output}


if __name__ == "__main__":
    api = Classify(max_batch_size=32, batch_timeout=TIMEOUT_S)
    LitServer(api, accelerator="cpu", workers_per_device=workers(), fast_queue=True).run(
        host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", generate_client_file=False
    )
