"""Words, pairs of words and runs of letters, weighted by TF-IDF, under a linear SVM: what needs no neural network at
its best.
"""

import pickle
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FeatureUnion, make_pipeline, make_union
from sklearn.svm import LinearSVC

from models.data.dataset import Dataset, Split
from models.prove.latency import Answer
from models.runtime.progress import Bar

START, LEAST, MOST = 0, -8, 8  # of the grid, in half decades of scikit-learn's C


def fit_tfidf(dataset: Dataset, taught: Split, seed: int) -> tuple[Answer, int, str]:
    """Fit on some rows, with the C that is best on the validation rows, and return what answers, its size in bytes and
    how it was made (ValueError).
    """
    features = vectorizer()
    known, held_out = features.fit_transform(taught.texts), features.transform(dataset.validation.texts)

    def fit(step: int) -> tuple[float, LinearSVC]:
        head = LinearSVC(C=inverse_penalty(step), random_state=seed).fit(known, taught.labels)
        bar.advance()
        return head.score(held_out, dataset.validation.labels), head

    with (
        warnings.catch_warnings(),
        Bar("TF-IDF", MOST - LEAST + 1) as bar,
        ThreadPoolExecutor(2) as pool,
    ):  # liblinear needs no interpreter lock
        warnings.simplefilter(
            "ignore", ConvergenceWarning
        )  # where C is large; the validation rows judge what came of it
        tried = dict(zip(steps := (START - 1, START, START + 1), pool.map(fit, steps), strict=True))
        while (best := winner({step: score for step, (score, _) in tried.items()})) in (
            min(tried),
            max(tried),
        ) and LEAST < best < MOST:
            step = best + (1 if best == max(tried) else -1)
            tried[step] = fit(step)
        bar.finish(
            f"validation accuracy {tried[best][0]:.4f} at C = {inverse_penalty(best):.3g}, of {len(tried)} tried"
        )
    pipeline = make_pipeline(features, tried[best][1])
    grid = ", ".join(f"{inverse_penalty(step):.3g}: {100 * tried[step][0]:.2f} %" for step in sorted(tried))
    made = (
        f"scikit-learn, words, pairs of words and 2 to 5 letters, LinearSVC with C = {inverse_penalty(best):.3g} "
        f"(validation accuracy at {grid})"
    )

    def answer(texts: Sequence[str]) -> list[str]:
        return [dataset.labels[number] for number in pipeline.predict(texts)]

    return answer, len(pickle.dumps(pipeline)), made


def vectorizer() -> FeatureUnion:
    """Return the features; every mark that is no letter is a word of its own, as for BERT, so that texts of symbols
    have some too.
    """
    words = TfidfVectorizer(token_pattern=r"\w+|[^\w\s]", ngram_range=(1, 2), sublinear_tf=True)
    return make_union(words, TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True))


def winner(scores: dict[int, float]) -> int:
    """Return the best step of the grid, and of equals the one nearest to the start."""
    return max(scores, key=lambda step: (scores[step], -abs(step - START), -step))


def inverse_penalty(step: int) -> float:
    """Return scikit-learn's C: half decades from 1 on."""
    return float(10 ** (step / 2))
