import pytest
import torch
from transformers import BertForSequenceClassification

from models.passes.distill import distill
from models.recipe.passes import Distill
from models.train.contextual import ALONE, mean_states
from models.train.distillation_data import DistillationData, Tokenized, autocast


@torch.inference_mode()
def states_of(teacher: BertForSequenceClassification, ids: list[int], depth: int) -> torch.Tensor:
    with autocast():
        given = teacher(
            input_ids=torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            output_hidden_states=True,
        )
    return given.hidden_states[depth][0].float()


@pytest.mark.parametrize("depth", [1, 3])
def test_a_pieces_vector_is_its_mean_state_and_that_of_the_piece_alone(
    teacher: BertForSequenceClassification, data: Tokenized, depth: int
) -> None:
    given = mean_states(teacher, depth, data)
    assert given.shape == (teacher.config.vocab_size, teacher.config.hidden_size)
    cls, sep = data.ids[0][0], data.ids[0][-1]
    used, unused = (
        data.ids[0][2],
        next(piece for piece in range(teacher.config.vocab_size) if all(piece not in row for row in data.ids)),
    )
    torch.testing.assert_close(
        given[unused], states_of(teacher.eval(), [cls, unused, sep], depth)[1], rtol=0, atol=0.02
    )
    found = [
        state
        for row in data.ids
        if used in row
        for piece, state in zip(row, states_of(teacher, row, depth), strict=True)
        if piece == used
    ]
    expected = (torch.stack(found).sum(0) + ALONE * states_of(teacher, [cls, used, sep], depth)[1]) / (
        len(found) + ALONE
    )
    torch.testing.assert_close(given[used], expected, rtol=0, atol=0.02)


def test_the_student_reads_contextual_words_and_learns_positions(
    teacher: BertForSequenceClassification, distillation: DistillationData
) -> None:
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    still, taught = (
        distill(teacher, distillation, Distill(layers=1, contextual=2, epochs=1, learning_rate=rate), seed=0)
        for rate in (1e-12, 1e-2)
    )
    words, norm = still.bert.embeddings.word_embeddings.weight, still.bert.embeddings.LayerNorm
    torch.testing.assert_close(
        words * norm.weight + norm.bias, mean_states(teacher, 2, distillation.train), rtol=0, atol=1e-4
    )
    assert still.bert.embeddings.position_embeddings.weight.abs().max() < 1e-6
    assert torch.equal(taught.bert.embeddings.word_embeddings.weight, words)
    assert taught.bert.embeddings.position_embeddings.weight[:4].abs().min() > 0
    assert all(torch.equal(before[name], tensor) for name, tensor in teacher.state_dict().items())


def test_the_teachers_embeddings_stay_where_nothing_is_said(
    teacher: BertForSequenceClassification, distillation: DistillationData
) -> None:
    student = distill(teacher, distillation, Distill(layers=1, epochs=1, learning_rate=1e-2), seed=0)
    for given, expected in zip(student.bert.embeddings.parameters(), teacher.bert.embeddings.parameters(), strict=True):
        assert torch.equal(given, expected)
