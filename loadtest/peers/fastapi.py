"""FastAPI under uvicorn with typed models, which pydantic reads and writes without a detour.

Its documentation sends what blocks to a pool of threads, by `def`. What takes a fraction of a millisecond does better
on the event loop, by `async def`: both are there.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from pydantic import BaseModel

from loadtest.peers.work import answer, open_predictor
from models.runtime.classifier import Predictor

opened: dict[str, Predictor] = {}


class Question(BaseModel):
    """Texts to classify."""

    texts: list[str]


class Prediction(BaseModel):
    """A text's label and its score."""

    label: str
    score: float


class Predictions(BaseModel):
    """One prediction a text, in the order asked."""

    predictions: list[Prediction]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load the predictor before the first request."""
    opened["predictor"] = open_predictor()
    yield


app = FastAPI(lifespan=lifespan)


@app.post("/predict")  # type: ignore[untyped-decorator]
def predict(question: Question) -> Predictions:
    """Classify in a thread of the pool."""
    return Predictions.model_validate({"predictions": answer(opened["predictor"], question.texts)})


@app.post("/predict_async")  # type: ignore[untyped-decorator]
async def predict_async(question: Question) -> Predictions:
    """Classify on the event loop."""
    return predict(question)  # type: ignore[no-any-return]
