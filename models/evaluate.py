"""Score a finished variant on the test split, with the object that serves it, one text at a time as a server gets them."""

from dataclasses import dataclass

import numpy as np

from models.card import Estimate
from models.classifier import Classifier
from models.dataset import Split
from models.progress import Bar
from models.statistics import Labels, macro_f1, wilson


@dataclass(frozen=True)
class Evaluation:
    """The labels given at batch 1 and what they amount to."""

    given: Labels
    accuracy: Estimate
    macro_f1: Estimate


def evaluate(classifier: Classifier, test: Split, *, title: str) -> Evaluation:
    """Predict every test text at batch 1 and compare with its gold label."""
    gold = np.array(test.labels)
    given = np.empty_like(gold)
    with Bar(title, len(test)) as bar:
        for row, text in enumerate(test.texts):
            given[row] = classifier.logits([text])[0][0].argmax()
            bar.advance()
        accuracy = wilson(int((given == gold).sum()), len(gold))
        bar.finish(f"accuracy {accuracy.value:.4f} [{accuracy.low:.4f}, {accuracy.high:.4f}]")
    return Evaluation(given, accuracy, macro_f1(gold, given, len(classifier.labels)))
