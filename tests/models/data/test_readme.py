import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.runtime.errors import BonsaiError
from tests.models.files import ROWS, Rows, delimited, file, parquet_bytes, read

NAMES = ["late", "lost", "refund"]
NUMBERED: Rows = [(text, "abc".index(label)) for text, label in ROWS]
NAMED: Rows = [(text, NAMES["abc".index(label)]) for text, label in ROWS]
FEATURES: list[dict[str, Any]] = [
    {"name": "text", "dtype": "string"},
    {"name": "label", "dtype": {"class_label": {"names": {str(number): name for number, name in enumerate(NAMES)}}}},
]


def described(folder: Path, **said: Any) -> None:
    file(folder, "README.md", f"---\n{yaml.safe_dump(said)}---\n# A data set\n\n---\n")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("train.csv", delimited(NUMBERED)),
        ("train.jsonl", "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in NUMBERED)),
        ("train.parquet", parquet_bytes({"text": [t for t, _ in NUMBERED], "label": [n for _, n in NUMBERED]})),
        ("train.csv", delimited([(text, f"{label}") for text, label in NUMBERED])),
        ("train.csv", delimited(NAMED)),
    ],
)
def test_the_readmes_names_of_classes_take_the_place_of_numbers(tmp_path: Path, name: str, content: Any) -> None:
    same = read(file(tmp_path, "same.csv", delimited(NAMED)))
    infos: list[Any] = [{"features": FEATURES}, [{"config_name": "default", "features": FEATURES}]]
    for number, info in enumerate(infos):
        folder = file(tmp_path / str(number), name, content).parent
        described(folder, license="mit", dataset_info=info)
        assert read(folder).sha256 == same.sha256
    folder = file(tmp_path / "older", name, content).parent
    features = {"label": {"names": NAMES, "_type": "ClassLabel"}, "text": {"_type": "Value"}}
    file(folder, "dataset_infos.json", json.dumps({"default": {"features": features}}))
    assert read(folder).sha256 == same.sha256


def test_names_that_are_numbers_themselves_are_told_from_places(tmp_path: Path) -> None:
    stars = ["1", "2", "3"]
    names = {"class_label": {"names": dict(enumerate(stars))}}
    described(tmp_path, dataset_info={"features": [{"name": "label", "dtype": names}]})
    file(tmp_path, "train.csv", delimited(NUMBERED))
    assert read(tmp_path).labels == ("1", "2", "3")
    file(tmp_path, "train.csv", delimited([(text, label + 1) for text, label in NUMBERED]))
    assert read(tmp_path).labels == ("1", "2", "3")


def test_a_number_without_a_name_is_refused(tmp_path: Path) -> None:
    described(tmp_path, dataset_info={"features": FEATURES})
    file(tmp_path, "train.csv", delimited([*NUMBERED, ("more", 3)]))
    with pytest.raises(BonsaiError, match=r"train.csv, line 62: the label 3 has no name; the data names 3 classes"):
        read(tmp_path)


@pytest.mark.parametrize(
    "readme", ["# no YAML", "---\na: b: c\n---\n", "---\n- a\n---\n", "---\n", "---\nconfigs: 7\n---"]
)
def test_a_readme_that_says_nothing_changes_nothing(tmp_path: Path, readme: str) -> None:
    file(tmp_path, "train.csv", delimited())
    before = read(tmp_path)
    file(tmp_path, "README.md", readme)
    assert read(tmp_path) == before


CONFIGS = [
    {
        "config_name": "de",
        "data_files": [{"split": "train", "path": "de/a*.csv"}, {"split": "test", "path": ["de/x.csv"]}],
    },
    {"config_name": "en", "data_dir": "en"},
    {"config_name": "fr", "data_files": "fr.csv"},
]


def several(folder: Path) -> Path:
    for number in range(2):
        file(folder, f"de/a{number}.csv", delimited(ROWS[30 * number : 30 * number + 30]))
    file(folder, "de/x.csv", delimited([(f"other {label}", label) for label in "abc"]))
    file(folder, "en/train.csv", delimited([(f"English {text}", label) for text, label in ROWS]))
    file(folder, "fr.csv", delimited([(f"Français {text}", label) for text, label in ROWS]))
    described(folder, configs=CONFIGS)
    return folder


def test_a_configuration_names_its_files(tmp_path: Path) -> None:
    folder = several(tmp_path)
    german = read(folder, config="de")
    assert {*german.train.texts, *german.validation.texts} == {text for text, _ in ROWS}
    assert german.test.texts == ["other a", "other b", "other c"]
    assert all(text.startswith("English") for text in read(folder, config="en").test.texts)
    assert all(text.startswith("Français") for text in read(folder, config="fr").test.texts)


def test_the_default_configuration_is_read_where_none_is_asked_for(tmp_path: Path) -> None:
    folder = several(tmp_path)
    with pytest.raises(
        BonsaiError, match=r"it has several configurations; expected one of de, en, fr, named with --dat"
    ):
        read(folder)
    described(folder, configs=[CONFIGS[0], CONFIGS[2] | {"default": True}])
    assert all(text.startswith("Français") for text in read(folder).train.texts)
    described(folder, configs=CONFIGS[:1])
    assert read(folder) == read(folder, config="de")


@pytest.mark.parametrize(
    ("data_files", "said"),
    [
        ("none.csv", "its README.md names 'none.csv', what is not there; expected files in this folder"),
        ("../x.csv", "its README.md names '../x.csv', what is not there"),
        ("/etc/passwd", "its README.md names '/etc/passwd', what is not there"),
        ("README.md", "its README.md names 'README.md', a file of no type that is read"),
        ({"test": "fr.csv"}, "the splits in its README.md are test; expected one called train"),
        ({"train": "fr.csv", "dev": "fr.csv", "valid": "fr.csv"}, "its README.md names validation rows twice"),
        ({"train": "part-*.csv"}, "missing: 1; expected every part once"),
    ],
)
def test_files_that_are_not_there_are_refused(tmp_path: Path, data_files: Any, said: str) -> None:
    folder = several(tmp_path / "folder")
    file(tmp_path, "x.csv", delimited())
    file(folder, "part-00000-of-00002.csv", delimited())
    described(folder, configs=[{"config_name": "default", "data_files": data_files}])
    with pytest.raises(BonsaiError, match=said):
        read(folder)


def test_a_configuration_that_is_not_there_is_refused(tmp_path: Path) -> None:
    folder = several(tmp_path)
    with pytest.raises(BonsaiError, match="it has no configuration 'it'; expected one of de, en, fr"):
        read(folder, config="it")
    for source, said in (
        (file(tmp_path / "plain", "train.csv", delimited()).parent, "it has no configuration 'de'; expected none, for"),
        (tmp_path / "fr.csv", "it has no configurations, and 'de' is asked for"),
        (Path("embedded"), "it has no configurations, and 'de' is asked for"),
    ):
        with pytest.raises(BonsaiError, match=said):
            read(source, config="de")


def test_names_that_differ_by_configuration_ask_for_one(tmp_path: Path) -> None:
    other: list[Any] = [{"name": "label", "dtype": {"class_label": {"names": {"0": "x", "1": "y", "2": "z"}}}}]
    infos = [{"config_name": "a", "features": FEATURES}, {"config_name": "b", "features": other}]
    described(tmp_path, dataset_info=infos)
    file(tmp_path, "train.csv", delimited(NUMBERED))
    with pytest.raises(BonsaiError, match="its classes have different names in its configurations a, b"):
        read(tmp_path)
    assert read(tmp_path, config="b").labels == ("x", "y", "z")


@pytest.mark.parametrize("names", [{"1": "late", "2": "lost", "3": "refund"}, {0: True, 1: False}, ["late", "late"]])
def test_names_of_classes_that_are_not_used_are_said(
    tmp_path: Path, names: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    described(tmp_path, dataset_info={"features": [{"name": "label", "dtype": {"class_label": {"names": names}}}]})
    file(tmp_path, "train.csv", delimited(NUMBERED))
    assert read(tmp_path).labels == ("0", "1", "2")
    said = " ".join(capsys.readouterr().err.split())
    assert "the names of classes of the column 'label' are not used; expected one for each number from 0" in said


def test_numbers_with_a_point_have_names_too(tmp_path: Path) -> None:
    described(tmp_path, dataset_info={"features": FEATURES})
    file(tmp_path, "train.csv", delimited([(text, f"{label}.0") for text, label in NUMBERED]))
    assert read(tmp_path).labels == tuple(NAMES)


def test_a_file_is_in_one_split(tmp_path: Path) -> None:
    file(tmp_path, "train.csv", delimited())
    file(tmp_path, "test.csv", delimited([(f"more {text}", label) for text, label in ROWS]))
    paths = [{"split": "train", "path": "*.csv"}, {"split": "test", "path": "test*.csv"}]
    described(tmp_path, configs=[{"config_name": "default", "data_files": paths}])
    with pytest.raises(BonsaiError, match=r"names 'test.csv' for train and for test; expected each file in one split"):
        read(tmp_path)


def test_hidden_files_are_read_where_the_pattern_says_so_alone(tmp_path: Path) -> None:
    file(tmp_path, "train/train.csv", delimited())
    file(tmp_path, "train/.ipynb_checkpoints/train-checkpoint.csv", delimited([(text, "d") for text, _ in ROWS]))
    same = read(tmp_path / "train" / "train.csv")
    for pattern in ("**/train*.csv", "train/**", "train/*.csv"):
        described(tmp_path, configs=[{"config_name": "default", "data_files": pattern}])
        assert read(tmp_path).sha256 == same.sha256
    described(tmp_path, configs=[{"config_name": "default", "data_files": "train/.ipynb_checkpoints/*.csv"}])
    with pytest.raises(BonsaiError, match="at least 2"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {"data_files": {"train": "train.csv", "validation": None}},
            "names no file for its split validation",
        ),
        ({"data_files": [{"split": "train", "path": []}]}, "names no file for its split train; expected a path"),
        ({"data_files": [{"split": "train", "path": [1]}]}, "names no file for its split train; expected a path"),
        ({"data_dir": "small"}, "has data_dir 'small', which is not there; expected a folder in it"),
    ],
)
def test_what_a_readme_says_of_no_file_is_refused(tmp_path: Path, config: dict[str, Any], said: str) -> None:
    file(tmp_path, "train.csv", delimited())
    described(tmp_path, configs=[{"config_name": "default", **config}])
    with pytest.raises(BonsaiError, match=said):
        read(tmp_path)


@pytest.mark.parametrize("pattern", ["big/**.csv", "/data/x.csv"])
def test_patterns_of_other_configurations_may_be_any(tmp_path: Path, pattern: str) -> None:
    file(tmp_path, "train.csv", delimited())
    configs = [{"config_name": "default", "data_files": "train.csv"}, {"config_name": "big", "data_files": pattern}]
    described(tmp_path, configs=configs)
    assert len(read(tmp_path).labels) == 3


def test_two_defaults_are_none(tmp_path: Path) -> None:
    file(tmp_path, "train.csv", delimited())
    configs = [{"config_name": name, "default": True, "data_files": "train.csv"} for name in ("one", "two")]
    described(tmp_path, configs=configs)
    with pytest.raises(BonsaiError, match="several configurations; expected one of one, two"):
        read(tmp_path)


def test_what_is_left_of_a_readme_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file(tmp_path, "small/train.csv", delimited())
    file(tmp_path, "test.csv", delimited())
    info = {"features": FEATURES[:1], "splits": [{"name": "train", "num_examples": 4000}]}
    described(tmp_path, configs=[{"config_name": "default", "data_dir": "small", "sep": ";"}], dataset_info=info)
    read(tmp_path)
    said = capsys.readouterr().err
    assert "sep of the configuration default in its README.md is not read" in said
    assert "test.csv beside data_dir 'small' of its README.md is not read" in said
    assert "its README.md says 4,000 rows (num_examples), and 60 are there" in said
    file(tmp_path, "README.md", "---\nlicense: caf\u00e9\n---\n".encode("latin-1"))
    file(tmp_path, "dataset_infos.json", "{")
    (tmp_path / "test.csv").rename(tmp_path / "train.csv")
    (tmp_path / "small" / "train.csv").unlink()
    read(tmp_path)
    said = capsys.readouterr().err
    assert "README.md is not read (UnicodeDecodeError; expected UTF-8)" in said
    assert "dataset_infos.json is not read (JSONDecodeError)" in said


def test_a_feature_without_a_name_names_nothing(tmp_path: Path) -> None:
    file(tmp_path, "train.csv", delimited())
    described(tmp_path, dataset_info={"features": [{**FEATURES[1], "name": ["label"]}]})
    assert read(tmp_path).labels == ("a", "b", "c")
