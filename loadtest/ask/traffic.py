"""What is asked: the corpus, a file of texts or texts of chosen lengths, of one variant or of a weighted mix of
several.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from loadtest.ask.build import check_build
from loadtest.ask.corpus import Question, check_expected, read_corpus, read_unlabelled, shuffled
from loadtest.errors import LoadTestError

LENGTHS = (8, 16, 32, 64, 128)
LONGEST_TEXT = 510  # words; BERT's 512 positions less [CLS] and [SEP]
# BERT's English vocabulary has each of these as one piece, so a text of n words is n + 2 tokens long.
WORDS = "the of and in to was he is as for on with that it his by at from".split()  # noqa: SIM905
TEXTS_OF_A_LENGTH = 200
MOST_WEIGHT = 1e6  # and the least, one over it: a thousandth of a thousandth of a mix is asked for once in an hour


@dataclass(frozen=True)
class Traffic:
    """Where texts come from; of texts that are not the corpus's the right label is not known, and answers are checked
    for shape alone.
    """

    corpus: str
    texts_file: str = ""
    lengths: str = ""
    labels: bool = True

    @property
    def source(self) -> str:
        """Name where the texts come from."""
        return f"lengths {self.lengths}" if self.lengths else self.texts_file or self.corpus

    def questions(self, variants: Sequence[str]) -> tuple[Question, ...]:
        """Return what can be asked, or say why these variants cannot be."""
        if self.texts_file and self.lengths:
            raise LoadTestError(
                "a file of texts and a distribution of lengths were both given; expected one of --texts-file and "
                "--lengths"
            )
        if self.lengths:
            return texts_of_lengths(self.lengths)
        if self.texts_file:
            return texts_of_file(Path(self.texts_file))
        if not self.labels:
            return read_unlabelled(Path(self.corpus))
        corpus = read_corpus(Path(self.corpus))
        check_expected(corpus, variants, Path(self.corpus))
        return corpus

    def check_build(self, served: Mapping[str, str]) -> str | None:
        """Refuse a corpus of another build than the service's, whose labels would look like the service's faults;
        return the build, where it is known.
        """
        if self.lengths or self.texts_file or not self.labels:
            return None
        return check_build(Path(self.corpus), served)

    def order(self, variants: Sequence[str], seed: str) -> Iterator[Question]:
        """Yield what to ask, for ever, in one seeded order."""
        return shuffled(self.questions(variants), seed)


@lru_cache(maxsize=4)
def texts_of_file(path: Path) -> tuple[Question, ...]:
    """Read a text a line; their labels are not known."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise LoadTestError(
            f"texts '{path}' cannot be read ({error}); expected a UTF-8 file with a text a line"
        ) from error
    questions = tuple(Question(line.strip(), "", {}) for line in lines if line.strip())
    if not questions:
        raise LoadTestError(f"texts '{path}' holds no text; expected a text a line")
    return questions


@lru_cache(maxsize=4)
def texts_of_lengths(lengths: str) -> tuple[Question, ...]:
    """Make texts of the given lengths in tokens, `8,16,128` or weighted as in `8:3,128:1`."""
    drawn = random.Random(f"lengths {lengths}")
    weights = weighted(lengths, "lengths", "8,16,128 or 8:3,128:1", separator=":")
    questions = []
    for text, weight in weights.items():
        if not re.fullmatch("[0-9]{1,3}", text) or not 3 <= int(text) <= LONGEST_TEXT + 2:
            raise LoadTestError(
                f"length '{text}' is not possible; expected tokens from 3 to {LONGEST_TEXT + 2}, [CLS] and [SEP] "
                "included"
            )
        share = round(TEXTS_OF_A_LENGTH * weight / max(weights.values()))
        questions += [Question(" ".join(drawn.choices(WORDS, k=int(text) - 2)), "", {}) for _ in range(max(share, 1))]
    return tuple(questions)


def weighted(text: str, what: str, example: str, separator: str = "=") -> dict[str, float]:
    """Read names with weights, 1 where none is given."""
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, _, weight = part.strip().partition(separator)
        try:
            value = float(weight) if weight else 1.0
        except ValueError:
            value = 0.0
        if not name or name in weights or not MOST_WEIGHT > value > 1 / MOST_WEIGHT:
            raise LoadTestError(
                f"{what} '{text}' cannot be read at '{part}'; expected each once with a weight above 0, like {example}"
            )
        weights[name] = value
    return weights


def mix(text: str) -> dict[str, float]:
    """Read the variants of a mix and their weights."""
    return weighted(text, "mix", "teacher=1,int8=3")
