"""Word embeddings that know the task: the mean state, some layers up in the teacher, of every word piece over the texts
that it occurs in.

A student of one layer reads words without their neighbours; its teacher's first layers say what they usually mean among
them (Bommasani et al. 2020, section 3, make static vectors so). The mean holds `ALONE` states of the piece alone
between [CLS] and [SEP], which is all there is of pieces that no text has.
"""

import copy
from array import array

import torch
from torch import Tensor, nn
from transformers import BertForSequenceClassification

from models.runtime.progress import Bar
from models.train.distillation_data import Tokenized, autocast
from models.train.encoder import layers

ALONE = 2.0
PIECES_AT_ONCE = 512


@torch.inference_mode()
def read_contextual(
    student: BertForSequenceClassification, teacher: BertForSequenceClassification, depth: int, data: Tokenized
) -> None:
    """Give a student, in place, the mean states after the teacher's first `depth` layers for word embeddings; its
    positions begin at zero.

    These layers end with a LayerNorm: the embeddings take it over, and hold what it was applied to.
    """
    norm, embeddings = layers(teacher)[depth - 1].output.LayerNorm, student.bert.embeddings
    words = (mean_states(teacher, depth, data) - norm.bias) / norm.weight
    embeddings.word_embeddings.weight.copy_(words - words.mean(-1, keepdim=True))
    embeddings.position_embeddings.weight.zero_()
    embeddings.token_type_embeddings.weight.zero_()
    embeddings.LayerNorm.load_state_dict(norm.state_dict())


def mean_states(teacher: BertForSequenceClassification, depth: int, data: Tokenized) -> Tensor:
    """Return the mean state (vocabulary, hidden) of every word piece after the teacher's first `depth` layers, which
    must not be all of them.
    """
    shallow = copy.deepcopy(teacher.bert).eval()
    shallow.encoder.layer = nn.ModuleList(shallow.encoder.layer[:depth])
    vocabulary, frame = teacher.config.vocab_size, (data.ids[0][0], data.ids[0][-1])
    alone = Tokenized(
        [array("i", [frame[0], piece, frame[1]]) for piece in range(vocabulary)], torch.empty(0), data.pad_id
    )
    total, count = torch.zeros(vocabulary, teacher.config.hidden_size), torch.zeros(vocabulary)
    with Bar("word embeddings", vocabulary + len(data)) as bar:
        for start in range(0, vocabulary, PIECES_AT_ONCE):
            pieces = range(start, min(start + PIECES_AT_ONCE, vocabulary))
            total[start : pieces.stop] = ALONE * _states(shallow, alone.batch(list(pieces)))[:, 1]
            bar.advance(by=len(pieces))
        for rows in data.by_length():
            batch = data.batch(rows)
            inside = batch["attention_mask"].bool()
            ids = batch["input_ids"][inside]
            total.index_add_(0, ids, _states(shallow, batch)[inside])
            count.index_add_(0, ids, torch.ones(len(ids)))
            bar.advance(by=len(rows))
    return total / (count + ALONE)[:, None]


def _states(shallow: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    with autocast():
        return shallow(**batch).last_hidden_state.float()  # type: ignore[no-any-return]
