from pathlib import Path

import torch
from torch.nn import functional

from models.runtime.tokenization import Tokenizer
from models.train.embedding_neighbours import LEAST_COSINE, MOST, neighbours


def table(tokenizer: Tokenizer) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(max(tokenizer.vocabulary().values()) + 1, 6)  # so few dimensions that many are alike


def test_neighbours_are_the_most_alike_whole_words_of_the_vocabulary(tokenizer: Tokenizer) -> None:
    pieces, vectors = tokenizer.vocabulary(), table(tokenizer)
    texts = ["where is my parcel?", "My card, please"]
    found = neighbours(vectors, tokenizer, texts)
    assert found == neighbours(vectors, tokenizer, texts)
    assert found
    assert set(found) <= {"where", "is", "my", "parcel", "My", "card", "please"}
    unit = functional.normalize(vectors - vectors.mean(0), dim=-1)
    whole = [piece for piece in pieces if piece.isalpha()]
    for word, others in found.items():
        own = pieces[word.lower()]
        cosines = {other: float(unit[own] @ unit[pieces[other]]) for other in whole if pieces[other] != own}
        expected = sorted(
            (other for other in cosines if cosines[other] >= LEAST_COSINE), key=cosines.__getitem__, reverse=True
        )[:MOST]
        assert others == expected


def test_words_of_several_pieces_and_none_alike_have_no_neighbours(tokenizer: Tokenizer) -> None:
    vectors = table(tokenizer)
    assert neighbours(vectors, tokenizer, ["zzqzqx 12 ?", ""]) == {}
    apart = torch.eye(len(vectors))
    assert neighbours(apart, tokenizer, ["where is my parcel"]) == {}


def test_words_are_whole_where_the_vocabulary_marks_their_beginning(unigram_checkpoint: Path) -> None:
    tokenizer = Tokenizer(unigram_checkpoint / "tokenizer.json", 48)
    found = neighbours(table(tokenizer), tokenizer, ["where is my parcel", "ed z"])
    assert {"where", "is", "my", "parcel"} >= set(found) != set()
    assert {other for others in found.values() for other in others} <= {
        piece[1:] for piece in tokenizer.vocabulary() if piece.startswith("\u2581")
    }
