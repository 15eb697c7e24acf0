"""A cascade: a small variant answers, and what it is unsure of goes to a larger one (no torch)."""

from collections.abc import Sequence

import numpy as np

from models.runtime.classifier import Best, Logits, Prediction, Predictor, Spent, rank


class Cascade:
    """Two classifiers that answer as one; safe to call from several threads."""

    temperature = 1.0  # its parts bring their own

    def __init__(self, small: Predictor, large: Predictor, threshold: float) -> None:
        self.labels = small.labels
        self._small, self._large = small, large
        self._threshold = float(np.float32(threshold))  # what probabilities are compared with, alone and in batches

    def meet(self, texts: Sequence[str]) -> None:
        """Let both parts' tokenizers remember the words of some texts."""
        self._small.meet(texts)
        self._large.meet(texts)

    def predict(self, texts: Sequence[str], top_k: int = 1, spent: Spent | None = None) -> list[Prediction]:
        """Classify the texts, in their order (`spent`: what both parts took)."""
        if top_k > 1:
            return rank(self.labels, *self.probabilities(texts, spent), top_k)
        if len(texts) != 1:
            return self.best(texts, spent).named(self.labels)
        answer = self._small.predict(texts, spent=spent)
        return answer if answer[0].top[0][1] >= self._threshold else self._large.predict(texts, spent=spent)

    def best(self, texts: Sequence[str], spent: Spent | None = None) -> Best:
        """Return the most likely label of every text, by whichever variant answered."""
        answer = self._small.best(texts, spent)
        unsure = np.flatnonzero(answer.shares < self._threshold)
        if len(unsure):
            rows = unsure.tolist()
            larger = self._large.best([texts[row] for row in rows], spent)
            answer.numbers[unsure], answer.shares[unsure] = larger.numbers, larger.shares
            for row, cut in zip(rows, larger.truncated, strict=True):
                answer.truncated[row] = cut
        return answer

    def probabilities(self, texts: Sequence[str], spent: Spent | None = None) -> tuple[Logits, list[bool]]:
        """Return probabilities (texts, labels) of whichever variant answered, and which texts it truncated."""
        probabilities, truncated = self._small.probabilities(texts, spent)
        unsure = np.flatnonzero(probabilities.max(axis=1) < self._threshold).tolist()
        if unsure:
            probabilities[unsure], cut = self._large.probabilities([texts[row] for row in unsure], spent)
            for row, was_cut in zip(unsure, cut, strict=True):
                truncated[row] = was_cut
        return probabilities, truncated
