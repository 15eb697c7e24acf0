from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest

from models.data.dataset import load_dataset
from models.recipe.recipe import DatasetSource
from models.runtime.errors import BonsaiError

NAMED = datasets.ClassLabel(names=["yes", "no"])


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the hub, which tests cannot reach, answer with what this does."""
    return lambda answer: monkeypatch.setattr(datasets, "load_dataset", answer)


def splits(**given: datasets.Dataset) -> Callable[..., datasets.DatasetDict]:
    return lambda name, config: datasets.DatasetDict(given)


def rows(labels: list[Any], feature: Any, name: str = "text") -> datasets.Dataset:
    features = datasets.Features({"text": datasets.Value("string"), "label": feature})
    return datasets.Dataset.from_dict(
        {"text": [f"{name} {number}" for number in range(len(labels))], "label": labels}, features=features
    )


def test_labels_are_named_by_class_label_or_as_they_are(hub: Any) -> None:
    hub(splits(train=rows([0, 1] * 10, NAMED), test=rows([1], NAMED)))
    named = load_dataset(DatasetSource(source="some/id"))
    assert named.labels == ("no", "yes")
    assert [named.labels[label] for label in named.test.labels] == ["no"]
    hub(splits(train=rows(["yes", "no"] * 10, datasets.Value("string"))))
    assert load_dataset(DatasetSource(source="some/id")).labels == ("no", "yes")


def test_rows_chosen_of_a_larger_set_are_those_read(hub: Any) -> None:
    hub(splits(train=rows([0, 1] * 20, NAMED).select(range(30, 10, -1)), test=rows([1], NAMED, "test")))
    found = load_dataset(DatasetSource(source="some/id"))
    assert {*found.train.texts, *found.validation.texts} == {f"text {number}" for number in range(30, 10, -1)}


def test_rows_without_a_label_are_refused(hub: Any) -> None:
    hub(splits(train=rows([0, 1] * 10, NAMED), test=rows([-1], NAMED)))
    with pytest.raises(BonsaiError, match="some/id test, row 1"):
        load_dataset(DatasetSource(source="some/id"))


def test_splits_that_are_not_read_are_said_and_doubled_ones_refused(
    hub: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    train, test = rows([0, 1] * 10, NAMED), rows([0, 1], NAMED, "test")
    hub(splits(train=train, test=test, unsupervised=test))
    load_dataset(DatasetSource(source="some/id"))
    assert "some/id: its split unsupervised is not read" in capsys.readouterr().err
    hub(splits(train=train, validation_matched=test, validation_mismatched=test))
    with pytest.raises(
        BonsaiError, match="validation rows stand in its splits validation_matched and validation_mismatched"
    ):
        load_dataset(DatasetSource(source="some/id"))
    hub(splits(test=test))
    with pytest.raises(BonsaiError, match="its splits are test; expected one called train"):
        load_dataset(DatasetSource(source="some/id"))


def test_a_configuration_is_passed_on(hub: Any) -> None:
    asked = []
    hub(lambda name, config: asked.append((name, config)) or datasets.DatasetDict(train=rows([0, 1] * 10, NAMED)))
    load_dataset(DatasetSource(source="some/id", config="small"))
    assert asked == [("some/id", "small")]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            RuntimeError("Dataset scripts are no longer supported, but found banking77.py"),
            "it is loaded by a script, .*banking77.py",
        ),
        (
            ValueError(
                "Config name is missing.\nPlease pick one among the available configs: ['de', 'en']\nExample: …"
            ),
            "several configurations.*'de', 'en'.*--dataset-config",
        ),
        (ValueError("BuilderConfig 'x' not found. Available: ['de', 'en']"), "several configurations.*'de', 'en'"),
        (
            datasets.exceptions.DatasetNotFoundError("Dataset 'some/id' doesn't exist on the Hub"),
            "neither a local path nor .*doesn't exist",
        ),
        (ConnectionError("Couldn't reach the Hub"), "neither a local path nor .*reach"),
        (NotImplementedError(), r"neither a local path nor .*\(NotImplementedError\)"),
        (KeyError("features"), "neither a local path nor .*features"),
    ],
)
def test_whatever_the_library_raises_is_one_sentence(hub: Any, error: Exception, said: str) -> None:
    def answer(name: str, config: str | None) -> None:
        raise error

    hub(answer)
    with pytest.raises(BonsaiError, match=rf"^data set 'some/id': [^\n]*{said}[^\n]*$"):
        load_dataset(DatasetSource(source="some/id"))


@pytest.mark.parametrize(
    "files",
    [
        {"a.json": '{"text": "a", "label": 1}\n{"text": '},
        {"a.json": '{"text": "a", "label": 1}\n', "b.json": '{"text": "a", "other": [1]}\n'},
    ],
)
def test_broken_and_unequal_files_are_one_sentence(hub: Any, tmp_path: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    load = datasets.load_dataset
    hub(
        lambda name, config: load(
            "json", data_files=[str(tmp_path / name) for name in files], cache_dir=str(tmp_path / "cache")
        )
    )
    with pytest.raises(BonsaiError, match=r"^data set 'some/id': neither a local path nor [^\n]*$"):
        load_dataset(DatasetSource(source="some/id"))


@pytest.mark.parametrize("name", ["csv", "json", "parquet"])
def test_the_name_of_a_format_is_no_data_set(name: str) -> None:
    with pytest.raises(BonsaiError, match=f"data set '{name}': the name of a file format"):
        load_dataset(DatasetSource(source=name))
