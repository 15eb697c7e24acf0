"""mosec with batches of up to 32 requests that wait a millisecond at the most: `python -m loadtest.peers.mosec --port
PORT`.
"""

import orjson
from mosec import Server, Worker

from loadtest.peers.work import Answer, answer_batch, open_predictor, workers


class Predict(Worker):
    """The predictor behind POST /inference."""

    def __init__(self) -> None:
        super().__init__()
        self.predictor = open_predictor()

    def deserialize(self, data: bytes) -> list[str]:
        """Return the texts of a request."""
        texts: list[str] = orjson.loads(data)["texts"]
        return texts

    def serialize(self, data: Answer) -> bytes:
        """Return the body of an answer: the default would indent it, in Python."""
        return orjson.dumps({"predictions": data})

    def forward(self, data: list[list[str]]) -> list[Answer]:
        """Classify the texts of one batch."""
        return answer_batch(self.predictor, data)


if __name__ == "__main__":
    server = Server()
    server.append_worker(Predict, num=workers(), max_batch_size=32, max_wait_time=1)
    server.run()
