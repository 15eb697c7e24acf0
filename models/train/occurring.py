"""Word embeddings of the word pieces that occur, and of no others, while a model is trained.

A vocabulary holds some ten times as many pieces as a data set has. Their gradients are zero, and yet AdamW, the norm of
all gradients and their sum would read and write them at every step: a tenth of the training of MiniLM.
"""

from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import nn
from transformers import BertForSequenceClassification

from models.train.distillation_data import Tokenized


@contextmanager
def only_occurring(
    model: BertForSequenceClassification, data: Tokenized, validation: Tokenized
) -> Iterator[tuple[Tokenized, Tokenized]]:
    """Give the model, in place, the embeddings of the pieces that these texts have, and the texts numbers to match;
    afterwards the others are there again, as they were.
    """
    table = model.bert.embeddings.word_embeddings
    pieces = sorted({data.pad_id, *(piece for texts in (data, validation) for row in texts.ids for piece in row)})
    place = {piece: number for number, piece in enumerate(pieces)}
    few = nn.Embedding(len(pieces), table.embedding_dim, padding_idx=place.get(table.padding_idx))
    few.weight = nn.Parameter(table.weight.detach()[pieces])
    model.set_input_embeddings(few)
    try:
        yield _renumbered(data, place), _renumbered(validation, place)
    finally:
        with torch.no_grad():
            table.weight[pieces] = few.weight
        model.set_input_embeddings(table)


def _renumbered(data: Tokenized, place: dict[int, int]) -> Tokenized:
    ids = [array("i", [place[piece] for piece in row]) for row in data.ids]
    return replace(data, ids=ids, pad_id=place[data.pad_id])
