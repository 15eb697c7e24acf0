"""Words that the teacher holds for alike, by the cosine of their input embeddings: they take each other's place in
transfer text.

TinyBERT's data augmentation (Jiao et al. 2020, section 3) does the same with GloVe vectors; these come with the teacher
and know its vocabulary.
"""

import re
from collections.abc import Sequence
from operator import itemgetter

from torch import Tensor
from torch.nn import functional

from models.runtime.tokenization import Tokenizer

MOST, LEAST_COSINE = 10, 0.3
WORDS_AT_ONCE = 256  # their cosines with a vocabulary of 30,000 take 30 MB
# before the pieces that begin a word in vocabularies that name these, and not those inside a word as WordPiece does
BEGINS = "\u2581"
LETTERS = re.compile(r"[^\W\d_]+")
Neighbours = dict[str, list[str]]


def neighbours(table: Tensor, tokenizer: Tokenizer, texts: Sequence[str]) -> Neighbours:
    """Return up to ten other words of the vocabulary, most alike first, for every word of the texts that is one word
    piece; `table` is (vocabulary, hidden).
    """
    pieces = sorted(
        tokenizer.vocabulary().items(), key=itemgetter(1)
    )  # `tokenizers` gives them in another order in every process
    begins = BEGINS if any(piece.startswith(BEGINS) for piece, _ in pieces) else ""
    names = {number: piece.removeprefix(begins) for piece, number in pieces if piece.startswith(begins)}
    candidates = [number for number, name in names.items() if LETTERS.fullmatch(name)]
    words = sorted({word for text in texts for word in LETTERS.findall(text)})
    ids, _ = tokenizer.encode(words)
    known = {word: row[1] for word, row in zip(words, ids, strict=True) if len(row) == 3}  # between [CLS] and [SEP]
    centred = functional.normalize(table - table.mean(0), dim=-1)
    others = centred[candidates].T
    found: Neighbours = {}
    items = list(known.items())
    for some in (items[start : start + WORDS_AT_ONCE] for start in range(0, len(items), WORDS_AT_ONCE)):
        best = (centred[[own for _, own in some]] @ others).topk(min(MOST + 1, len(candidates)))
        for (word, own), cosines, places in zip(some, best.values.tolist(), best.indices.tolist(), strict=True):
            alike = [
                candidates[place]
                for cosine, place in zip(cosines, places, strict=True)
                if cosine >= LEAST_COSINE and candidates[place] != own
            ]
            if alike:
                found[word] = [names[number] for number in alike[:MOST]]
    return found
