from dataclasses import replace
from typing import Any

import pytest

from models.plan.checkpoint import Checkpoint
from models.plan.head import Head, find_head
from models.plan.weights import Weights
from models.runtime.errors import BonsaiError

LABELS = ("angry", "calm", "sad")
CLASSIFIER = ["BertForSequenceClassification"]
TWELVE = tuple(str(number) for number in range(12))


def head(checkpoint: Checkpoint, labels: tuple[str, ...], outputs: int = 3, **config: Any) -> Head:
    given = replace(
        checkpoint, config={"architectures": CLASSIFIER, **config}, weights=Weights(checkpoint.weights.stored, outputs)
    )
    return find_head(given, labels)


def names(*of: object) -> dict[str, object]:
    return {str(number): name for number, name in enumerate(of)}


def default(count: int) -> dict[str, object]:
    return names(*(f"LABEL_{number}" for number in range(count)))


@pytest.mark.parametrize(
    ("given", "rows"),
    [
        (names("angry", "calm", "sad"), (0, 1, 2)),
        (names("sad", "angry", "calm"), (1, 2, 0)),
        (dict(reversed(names("sad", "angry", "calm").items())), (1, 2, 0)),
    ],
)
def test_rows_follow_the_names(checkpoint: Checkpoint, given: dict[str, object], rows: tuple[int, ...]) -> None:
    assert head(checkpoint, LABELS, id2label=given).rows == rows


@pytest.mark.parametrize("given", [default(12), names(*TWELVE), names(*range(12))])
@pytest.mark.parametrize("labels", [TWELVE, tuple(sorted(TWELVE))])
def test_a_whole_number_is_the_output_with_this_number(
    checkpoint: Checkpoint, given: dict[str, object], labels: tuple[str, ...]
) -> None:
    assert head(checkpoint, labels, 12, id2label=given).rows == tuple(map(int, labels))


def test_labels_that_are_called_so_are_names(checkpoint: Checkpoint) -> None:
    assert head(
        checkpoint,
        ("LABEL_0", "LABEL_1", "LABEL_10", "LABEL_2"),
        4,
        id2label=names("LABEL_2", "LABEL_10", "LABEL_1", "LABEL_0"),
    ).rows == (3, 2, 1, 0)


def test_two_outputs_without_names_are_zero_and_one(checkpoint: Checkpoint) -> None:
    assert head(checkpoint, ("0", "1"), 2).rows == (0, 1)
    assert head(checkpoint, ("no", "yes"), 2) == Head(
        reason="it is for 2 labels without names, the data has 2 named no, yes, …"
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (default(3), "3 labels without names, the data has 3 named angry, calm, …"),
        (names("bad", "good", "sad"), "other labels than the data's: 'angry' is one of the data alone"),
        (names("angry", "calm", "sad", "zest"), "'zest' is one of the head alone"),
        (names("angry", "calm"), "'sad' is one of the data alone"),
        (names("angry", "calm", "calm"), "names two outputs alike"),
        (names("1", 1, "sad"), "names two outputs alike"),
        (names("angry", None, "sad"), "holds None, which is no name"),
        (names("angry", ["calm"], "sad"), "which is no name"),
        (names("angry", True, "sad"), "holds True, which is no name"),
        (names("angry", 0.5, "sad"), "holds 0.5, which is no name"),
        ({"1": "angry", "2": "calm", "3": "sad"}, "does not number its names from 0 on"),
        ({"a": "angry", "b": "calm", "c": "sad"}, "does not number its names from 0 on"),
        (["angry", "calm", "sad"], "does not number its names from 0 on"),
        ({}, "the data has 3"),
        ("angry", "does not number"),
    ],
)
def test_what_does_not_name_the_labels_is_trained_anew_and_says_why(
    checkpoint: Checkpoint, given: Any, said: str
) -> None:
    found = head(checkpoint, LABELS, id2label=given)
    assert found.rows == ()
    assert said in found.reason


@pytest.mark.parametrize("labels", [("0", "1", "3"), ("1", "2", "3"), ("00", "01", "02"), ("-1", "0", "1")])
def test_other_numbers_than_the_outputs_are_names(checkpoint: Checkpoint, labels: tuple[str, ...]) -> None:
    assert head(checkpoint, labels, id2label=default(3)).rows == ()


@pytest.mark.parametrize(
    "architectures", [None, [], ["BertModel"], ["BertForTokenClassification"], "BertForSequenceClassification", 3]
)
def test_only_a_sequence_classifier_has_a_head(checkpoint: Checkpoint, architectures: Any) -> None:
    assert head(checkpoint, LABELS, architectures=architectures, id2label=names(*LABELS)).reason.startswith(
        "config.json's architectures do not name"
    )
    assert head(checkpoint, LABELS, 0, architectures=architectures, id2label=names(*LABELS)) == Head()


@pytest.mark.parametrize(("outputs", "said"), [(0, "a head with 0 outputs"), (4, "a head with 4 outputs")])
def test_a_head_that_is_named_and_not_there_is_refused(checkpoint: Checkpoint, outputs: int, said: str) -> None:
    with pytest.raises(
        BonsaiError,
        match=(
            rf"config.json names the data's 3 labels, but its weights have {said}; take .* to have a new head "
            r"trained$"
        ),
    ):
        head(checkpoint, LABELS, outputs, id2label=names(*LABELS))


def test_a_trained_head_needs_its_pooler(checkpoint: Checkpoint) -> None:
    bare = replace(
        checkpoint, weights=Weights({name: name for name in checkpoint.weights.stored if "pooler" not in name}, 3)
    )
    with pytest.raises(BonsaiError, match="have no pooler"):
        head(bare, LABELS, id2label=names(*LABELS))


@pytest.mark.parametrize("kind", ["multi_label_classification", "regression"])
def test_a_head_for_another_problem_is_refused_unless_it_is_trained_anew(checkpoint: Checkpoint, kind: str) -> None:
    with pytest.raises(
        BonsaiError, match=rf"for these labels was trained for '{kind}'; expected one for a single label a text: take "
    ):
        head(checkpoint, LABELS, id2label=names(*LABELS), problem_type=kind)
    assert head(checkpoint, LABELS, id2label=names("bad", "good", "fair"), problem_type=kind).reason
    assert head(checkpoint, LABELS, 1, id2label=names("LABEL_0"), problem_type=kind).reason
    assert head(checkpoint, LABELS, id2label=names(*LABELS), problem_type="single_label_classification").rows == (
        0,
        1,
        2,
    )


def test_a_graph_for_another_problem_is_refused(checkpoint: Checkpoint) -> None:
    graph = replace(checkpoint, is_graph=True)
    for outputs in (0, 3, 4):
        with pytest.raises(BonsaiError, match="its graph was trained for 'multi_label_classification'"):
            head(graph, LABELS, outputs, problem_type="multi_label_classification", id2label=names(*LABELS))


def test_a_graph_needs_no_pooler_but_as_many_outputs_as_it_says(checkpoint: Checkpoint) -> None:
    graph = replace(checkpoint, is_graph=True, weights=Weights({}, 0))
    assert head(graph, LABELS, 0, id2label=names(*LABELS)).rows == head(graph, LABELS, 3, id2label=names(*LABELS)).rows
    with pytest.raises(BonsaiError, match=r"have a head with 4 outputs; a graph is taken as it is$"):
        head(graph, LABELS, 4, id2label=names(*LABELS))


def test_a_head_beside_which_something_is_not_read_is_refused_unless_it_is_trained_anew(
    checkpoint: Checkpoint,
) -> None:
    given = replace(
        checkpoint,
        config={"architectures": CLASSIFIER, "id2label": names(*LABELS)},
        weights=replace(checkpoint.weights, outputs=3, beside="pre_classifier.weight"),
    )
    with pytest.raises(BonsaiError, match=r"has pre_classifier\.weight beside it, which .* does not read; expected .*"):
        find_head(given, LABELS)
    assert find_head(given, ("bad", "good", "fair")).reason


def test_a_table_the_other_way_round_names_the_outputs_as_well(checkpoint: Checkpoint) -> None:
    assert head(checkpoint, LABELS, id2label=None, label2id={"sad": 0, "angry": 2, "calm": 1}).rows == (2, 1, 0)
    assert head(checkpoint, LABELS, id2label=None, label2id={"sad": 0, "angry": 0, "calm": 1}).reason


@pytest.mark.parametrize(
    ("label2id", "said"),
    [
        ({"angry": 2, "calm": 1, "sad": 0}, "label2id has 2 for 'angry', its id2label 0"),
        ({"sad": "1"}, "label2id has 1 for 'sad', its id2label 2"),
        ({"angry": None}, "label2id has None for 'angry', its id2label 0"),
    ],
)
def test_two_tables_that_contradict_one_another_are_refused(
    checkpoint: Checkpoint, label2id: dict[str, object], said: str
) -> None:
    with pytest.raises(BonsaiError, match=f"{said}; expected two tables that agree"):
        head(checkpoint, LABELS, id2label=names(*LABELS), label2id=label2id)
    assert head(checkpoint, LABELS, id2label=names("bad", "good", "fair"), label2id=label2id).reason  # it is not kept
    with pytest.raises(BonsaiError, match="label2id has 2 for '0', its id2label 0"):
        head(checkpoint, ("0", "1", "2"), id2label=default(3), label2id={"0": 2, "1": 1, "2": 0})


@pytest.mark.parametrize(
    "label2id",
    [
        {"angry": 0, "calm": 1, "sad": 2},
        {"angry": "0", "calm": "1", "sad": "2"},
        {"LABEL_0": 0, "LABEL_1": 1, "LABEL_2": 2},  # of whoever set id2label alone
        {"NEGATIVE": 0, "POSITIVE": 1},
        {"[1]": 0, "sad": 2},
        {},
        [],
        None,
    ],
)
def test_a_table_that_does_not_contradict_changes_nothing(checkpoint: Checkpoint, label2id: object) -> None:
    assert head(checkpoint, LABELS, id2label=names(*LABELS), label2id=label2id).rows == (0, 1, 2)


def test_names_are_compared_in_the_spelling_of_the_datas_labels(checkpoint: Checkpoint) -> None:
    labels = ("caf\u00e9", "th\u00e9 vert")
    given = names("the\u0301  vert", "cafe\u0301")
    assert head(checkpoint, labels, 2, id2label=given, label2id={"cafe\u0301": 1}).rows == (1, 0)
    with pytest.raises(BonsaiError, match="label2id has 0 for 'caf\u00e9', its id2label 1"):
        head(checkpoint, labels, 2, id2label=given, label2id={"cafe\u0301": 0})
