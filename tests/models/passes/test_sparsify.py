import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.nn import Parameter
from transformers import BertForSequenceClassification

from models.passes.sparsify import cut, sparsify
from models.recipe.passes import Sparsify
from models.runtime.errors import BonsaiError
from models.train.connections import linear_weights, sparsity
from models.train.distillation_data import DistillationData

SHORT = {"epochs": 1, "last_epochs": 2, "learning_rate": 1e-3, "batch_size": 8}


def zeros(model: BertForSequenceClassification) -> list[Tensor]:
    return [weight == 0 for layer in linear_weights(model) for weight in layer]


def flat(model: BertForSequenceClassification) -> list[Tensor]:
    return [weight.detach() for layer in linear_weights(model) for weight in layer]


@pytest.mark.parametrize("scope", ["layer", "global"])
@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_the_share_is_gone_and_stays_gone_through_retraining(
    teacher: BertForSequenceClassification, distillation: DistillationData, scope: str, norm: str
) -> None:
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    options = {"share": 0.75, "steps": 3, "scope": scope, "norm": norm, "decay": 1e-3, **SHORT}
    sparse = sparsify(teacher, distillation, Sparsify(**options), seed=0)
    matrices = flat(sparse)
    assert sparsity(matrices) == pytest.approx(0.75, abs=1e-3)
    by_matrix = [sparsity([matrix]) for matrix in matrices]
    assert (max(by_matrix) - min(by_matrix) < 1e-3) == (scope == "layer")
    assert all(torch.equal(before[name], tensor) for name, tensor in teacher.state_dict().items())
    embeddings = "bert.embeddings.word_embeddings.weight"
    assert torch.equal(sparse.state_dict()[embeddings], before[embeddings])
    assert not (sparse.classifier.weight == 0).any()


def test_momentum_holds_no_weight_that_is_gone(
    teacher: BertForSequenceClassification, distillation: DistillationData, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[torch.optim.AdamW] = []
    init = torch.optim.AdamW.__init__

    def remember(self: torch.optim.AdamW, *arguments: object, **options: object) -> None:
        made.append(self)
        init(self, *arguments, **options)

    monkeypatch.setattr(torch.optim.AdamW, "__init__", remember)
    sparse = sparsify(teacher, distillation, Sparsify(share=0.5, steps=1, **SHORT), seed=0)
    weights = [weight for layer in linear_weights(sparse) for weight in layer]
    for weight in weights:
        held = made[0].state[weight]["exp_avg"] != 0
        assert held.any()
        assert not held[weight == 0].any()


def test_what_was_zero_before_stays_zero(
    teacher: BertForSequenceClassification, distillation: DistillationData
) -> None:
    first = sparsify(teacher, distillation, Sparsify(share=0.6, retrain=False), seed=0)
    second = sparsify(first, distillation, Sparsify(share=0.3, steps=1, **SHORT), seed=0)
    assert all(bool(later[earlier].all()) for earlier, later in zip(zeros(first), zeros(second), strict=True))


def test_without_retraining_the_others_keep_their_values(
    teacher: BertForSequenceClassification, distillation: DistillationData
) -> None:
    sparse = sparsify(teacher, distillation, Sparsify(share=0.5, retrain=False), seed=0)
    for before, after in zip(flat(teacher), flat(sparse), strict=True):
        gone = after == 0
        assert torch.equal(after[~gone], before[~gone])
        assert before[gone].abs().max() <= before[~gone].abs().min()


def test_same_seed_same_weights(teacher: BertForSequenceClassification, distillation: DistillationData) -> None:
    config = Sparsify(share=0.5, steps=2, prepare=1, **SHORT)
    first, second = (sparsify(teacher, distillation, config, seed=3).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_l1_leaves_more_weights_near_zero_than_l2(
    teacher: BertForSequenceClassification, distillation: DistillationData
) -> None:
    near = {}
    for norm, decay in (("l1", 1.0), ("l2", 1.0)):
        options = {"share": 0.01, "retrain": False, "prepare": 5, "norm": norm, "decay": decay}
        model = sparsify(teacher, distillation, Sparsify(**options, learning_rate=3e-3, batch_size=8), seed=0)
        together = torch.cat([weight.flatten() for weight in flat(model)]).abs()
        near[norm] = float((together < 0.1 * together.mean()).double().mean())
    assert near["l1"] > 1.5 * near["l2"]


def test_the_smallest_go_by_matrix_or_over_all() -> None:
    matrices = [Parameter(torch.tensor([[1.0, -2.0], [3.0, -4.0]])), Parameter(torch.tensor([[5.0, 6.0], [7.0, 8.0]]))]
    cut(matrices, 0.5, Sparsify(scope="layer"))
    assert [matrix.tolist() for matrix in matrices] == [[[0, 0], [3, -4]], [[0, 0], [7, 8]]]
    matrices = [Parameter(torch.tensor([[1.0, -2.0], [3.0, -4.0]])), Parameter(torch.tensor([[5.0, 6.0], [7.0, 8.0]]))]
    cut(matrices, 0.5, Sparsify(scope="global"))
    assert [matrix.tolist() for matrix in matrices] == [[[0, 0], [0, 0]], [[5, 6], [7, 8]]]


def test_blocks_go_together() -> None:
    matrix = Parameter(torch.randn(32, 16, generator=torch.Generator().manual_seed(0)))
    cut([matrix], 0.75, Sparsify(block=[4, 4]))
    blocks = (matrix == 0).view(8, 4, 4, 4).permute(0, 2, 1, 3).flatten(2)
    assert torch.equal(blocks.all(-1), blocks.any(-1))
    assert int(blocks.all(-1).sum()) == 24


def test_blocks_that_do_not_fit_are_refused(
    teacher: BertForSequenceClassification, distillation: DistillationData
) -> None:
    for layer in teacher.bert.encoder.layer:
        layer.output.dense.weight = Parameter(layer.output.dense.weight[:, :20].contiguous())
    with pytest.raises(BonsaiError, match=r"block is \[16, 16\], of a matrix of 32 x 20"):
        sparsify(teacher, distillation, Sparsify(block=[16, 16], retrain=False), seed=0)


def test_most_weights_go_early() -> None:
    shares = Sparsify(share=0.9, steps=6).shares()
    assert shares[-1] == pytest.approx(0.9)
    gained = [later - earlier for earlier, later in zip([0, *shares], shares, strict=False)]
    assert gained == sorted(gained, reverse=True)
    assert Sparsify(retrain=False).shares() == [0.9]


@pytest.mark.parametrize(
    "options",
    [
        {"share": 1.0},
        {"share": 0},
        {"steps": 0},
        {"norm": "l3"},
        {"scope": "model"},
        {"block": [4]},
        {"block": [3, 4]},
        {"decay": -1.0},
        {"retrain": False, "steps": 3},
        {"retrain": False, "epochs": 4},
        {"magnitude": "l1"},
    ],
)
def test_unusable_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Sparsify.model_validate({"sparsify": options})
