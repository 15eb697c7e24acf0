import copy

import pytest
import torch
from transformers import BertForSequenceClassification

from models.recipe.strict import Schedule
from models.train.distillation_data import Tokenized, soft_targets
from models.train.encoder import cls_only
from models.train.occurring import only_occurring
from models.train.training import train


def test_answers_are_the_same_and_what_was_learned_is_there_afterwards(
    plain: BertForSequenceClassification, data: Tokenized, validation: Tokenized
) -> None:
    model, table = cls_only(plain), plain.get_input_embeddings()
    before, expected = copy.deepcopy(table.weight), soft_targets(model, validation).logits
    seen = {model.config.pad_token_id, *(piece for texts in (data, validation) for row in texts.ids for piece in row)}
    with only_occurring(model, data, validation) as (_, others):
        assert model.get_input_embeddings().weight.shape == (len(seen), model.config.hidden_size)
        assert torch.equal(soft_targets(model, others).logits, expected)
        with torch.no_grad():
            model.get_input_embeddings().weight += 1
    assert model.get_input_embeddings() is table
    for piece in range(len(before)):
        assert torch.equal(table.weight[piece], before[piece] + 1 if piece in seen else before[piece])


def test_training_that_fails_leaves_the_whole_table(
    plain: BertForSequenceClassification, data: Tokenized, validation: Tokenized
) -> None:
    table = plain.get_input_embeddings()
    with pytest.raises(RuntimeError), only_occurring(plain, data, validation):
        raise RuntimeError
    assert plain.get_input_embeddings() is table


def test_words_that_no_text_has_stay_as_they_are(
    plain: BertForSequenceClassification, data: Tokenized, validation: Tokenized
) -> None:
    before = copy.deepcopy(plain.get_input_embeddings().weight)
    schedule = Schedule(epochs=1, learning_rate=1e-2, batch_size=8)
    after = train(cls_only(plain), data, validation, schedule, seed=0, title="t").get_input_embeddings().weight
    trained = {piece for row in data.ids for piece in row}
    for piece in range(len(before)):
        assert torch.equal(before[piece], after[piece]) != (piece in trained)
