from pathlib import Path

import pytest

from models.recipe.passes import Distill, Prune, Quantize
from models.recipe.reading import DEFAULT_RECIPE, load_recipe
from models.recipe.recipe import RESERVED_NAMES, CascadeOf, Recipe
from models.runtime.errors import BonsaiError

PASSES = "[{quantize: {}}]"


def read(folder: Path, text: str) -> Recipe:
    file = folder / "tiny.yaml"
    file.write_text(text)
    return load_recipe(file)


def test_default_recipe_has_the_first_four_variants() -> None:
    variants = load_recipe(DEFAULT_RECIPE).variants
    passes = {
        name: [config.pass_name() for config in configs]
        for name, configs in variants.items()
        if isinstance(configs, list)
    }
    assert passes == passes | {
        "pruned": ["prune"],
        "int8": ["quantize"],
        "distilled": ["distill"],
        "distilled_int8": ["distill", "quantize"],
    }


def test_options_are_read_and_the_rest_has_defaults(tmp_path: Path) -> None:
    recipe = read(
        tmp_path,
        "seed: 7\nvariants: {small: [{prune: {scope: model, epochs: 2}}, {distill: {layers: [1, 3]}}, {quantize: }]}",
    )
    assert recipe.seed == 7
    assert recipe.teacher.source == recipe.dataset.source == "embedded"
    assert recipe.variants["small"] == [Prune(scope="model", epochs=2), Distill(layers=[1, 3]), Quantize()]


def test_a_learning_rate_may_be_written_as_people_write_it(tmp_path: Path) -> None:
    assert read(tmp_path, "teacher: {learning_rate: 2e-4}").teacher.learning_rate == 0.0002


def test_a_cascade_names_variants_above_it(tmp_path: Path) -> None:
    head = "variants: {small: [{distill: {}}], both: {cascade: {small: small, large: teacher}}"
    assert read(tmp_path, head + "}").variants["both"] == CascadeOf(small="small", large="teacher")
    for more in (
        "again: {cascade: {small: both, large: teacher}}",
        "again: {cascade: {small: later, large: teacher}}, later: [{quantize: {}}]",
    ):
        with pytest.raises(
            BonsaiError,
            match=r"variant 'again': cascade of '(both|later)'; expected teacher or a variant above it: small",
        ):
            read(tmp_path, f"{head}, {more}}}")


@pytest.mark.parametrize("text", ["", "# nothing\n", "variants: {}"])
def test_an_empty_recipe_builds_the_teacher_alone(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == Recipe()


@pytest.mark.parametrize("name", ["a", "a1_b", "x" * 32, "predicted", "v2_small"])
def test_usable_names(tmp_path: Path, name: str) -> None:
    assert list(read(tmp_path, f"variants: {{{name}: {PASSES}}}").variants) == [name]


@pytest.mark.parametrize("name", ["A", "1a", "_a", "a-b", "x" * 33, "é", "'a b'", '"a\\n"', "''", "3", "true", "null"])
def test_unusable_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(BonsaiError, match=r"variant name .* is not usable; expected \[a-z\]"):
        read(tmp_path, f"variants: {{{name}: {PASSES}}}")


@pytest.mark.parametrize("name", ["teacher", *sorted(RESERVED_NAMES)])
def test_reserved_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(BonsaiError, match=f"variant name '{name}' is reserved; expected none of teacher, "):
        read(tmp_path, f"variants: {{{name}: {PASSES}}}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("teachr: {}", "unknown key 'teachr'; expected one of teacher, dataset, "),
        ("teacher: {epoch: 3}", "unknown key 'teacher.epoch'; expected one of epochs, "),
        (
            "dataset: {path: x}",
            "unknown key 'dataset.path'; expected one of source, config, split_seed, text_column, label_column, "
            "skip_unusable",
        ),
        ("variants: {a: [{prune: {heads: 3}}]}", "variant 'a', prune: unknown key 'heads'; expected one of epochs, "),
        (
            "variants: {a: [{shrink: {}}]}",
            "variant 'a': unknown pass 'shrink'; expected one of prune, distill, sparsify, trim, quantize",
        ),
        ("teacher: {epochs: '3'}", "'teacher.epochs' is '3': input should be a valid integer"),
        ("teacher: {epochs: 3.0}", "'teacher.epochs' is 3.0: input should be a valid integer"),
        ("teacher: {epochs: true}", "'teacher.epochs' is True: input should be a valid integer"),
        ("teacher: {learning_rate: 2}", "'teacher.learning_rate' is 2: input should be less than 1"),
        ("teacher: {max_tokens: 4}", "'teacher.max_tokens' is 4: input should be greater than or equal to 8"),
        ("dataset: {source: 3}", "'dataset.source' is 3: input should be a valid string"),
        ("seed: -1", "'seed' is -1: input should be greater than or equal to 0"),
        ("teacher: all-MiniLM", "'teacher' is 'all-MiniLM'; expected {source: …}, with its other keys beside it"),
        ("dataset: data/my.csv", "'dataset' is 'data/my.csv'; expected {source: …}, with its other keys beside it"),
        ('dataset: {source: ""}', "'dataset.source' is '': string should have at least 1 character"),
        ('dataset: {text_column: ""}', "'dataset.text_column' is '': string should have at least 1 character"),
        (
            "variants: {a: [{prune: {scope: heads}}]}",
            "variant 'a', prune: 'scope' is 'heads': input should be 'layer' or 'model'",
        ),
        (
            "variants: {a: [{prune: {remove_ffn: 1.0}}]}",
            "variant 'a', prune: 'remove_ffn' is 1.0: input should be less than 1",
        ),
        ("variants: {a: [{prune: 3}]}", "variant 'a', prune: 3 was given"),
        (
            "variants: {a: [{quantize: {}}, {distill: {}}]}",
            "variant 'a': trim and quantize work on the exported graph; expected them after prune, "
            "distill and sparsify, in this order",
        ),
        ("variants: {a: [{quantize: {}}, {trim: {}}]}", "variant 'a': trim and quantize work on the exported graph"),
        (
            "variants: {a: [{trim: {tokens: 3}}]}",
            "variant 'a', trim: 'tokens' is 3: input should be greater than or equal to 100",
        ),
        (
            "variants: {a: [{prune: {}}, {sparsify: {}}, {sparsify: {}}, {distill: {}}]}",
            "variant 'a': distill trains all weights again, so that no zeros would be left; expected sparsify after it",
        ),
        ("variants: {a: [{sparsify: {share: 1.0}}]}", "variant 'a', sparsify: 'share' is 1.0: input should be less"),
        (
            "variants: {a: [{sparsify: {retrain: false, steps: 3}}]}",
            "sparsify: retrain is false, and steps is 3; expected it left out",
        ),
        (
            "variants: {a: [{sparsify: {retrain: false, teachers: 3}}]}",
            "sparsify: retrain is false, and teachers is 3; expected it left out",
        ),
        (
            "variants: {a: [{sparsify: {learning_rate: 0.5, decay: 90}}]}",
            "sparsify: learning_rate 0.5 times decay 90 is 45; expected less than 1",
        ),
        ("gate: {alpha: 1.0e-16}", "'gate.alpha' is 1e-16: input should be greater than or equal to 0.000001"),
        (
            "variants: {a: [{quantize: {}}], c: {cascade: {small: a, large: a}}}",
            "variant 'c': cascade of 'a' with itself; expected a small variant and another, larger one",
        ),
        (
            "variants: {a: [{quantize: {weights: bf16, embeddings: false}}]}",
            "quantize: weights is bf16, and embeddings is given; expected it left out",
        ),
        (
            "variants: {a: [{quantize: {weights: int4}}]}",
            "variant 'a', quantize: 'weights' is 'int4': input should be 'int8', 'fp16' or 'bf16'",
        ),
        (
            "variants: {a: [{quantize: {}}, {quantize: {}}]}",
            "variant 'a': trim or quantize stands there twice; expected each once",
        ),
        ("variants: {a: []}", "variant 'a': [] was given; expected a list of passes"),
        ("variants: {a: }", "variant 'a': None was given; expected a list of passes"),
        ("variants: {a: quantize}", "variant 'a': 'quantize' was given; expected a list of passes"),
        (
            "variants: {a: [quantize]}",
            "variant 'a': 'quantize' is a pass without its options; expected {quantize: {}}",
        ),
        (
            "variants: {a: [{prune: {}, quantize: {}}]}",
            "variant 'a': {'prune': {}, 'quantize': {}} holds 2 passes; expected one an entry of the list",
        ),
        ("gate: {margin: 1}", "unknown key 'gate.margin'; expected one of max_drop, alpha, on_fail"),
        ("gate: {max_drop: 0}", "'gate.max_drop' is 0: input should be greater than 0"),
        (
            "variants: {c: {cascade: {small: a, large: teacher}}}",
            "variant 'c': cascade of 'a'; expected teacher or a variant above it: there is none",
        ),
        (
            "variants: {c: {cascade: {small: a}}}",
            "variant 'c', cascade: 'large' is missing; expected small, large, max_drop",
        ),
        (
            "variants: {c: {cascade: {small: a, large: b, by: 3}}}",
            "variant 'c', cascade: unknown key 'by'; expected one of small, large, max_drop",
        ),
        ("variants: [a]", "a list was given; expected a name and a list of passes for each variant"),
        ("- teacher", "['teacher'] was given: input should be a valid dictionary"),
        (
            "variants:\n  a: [{quantize: {}}]\n  a: [{prune: {}}]",
            "the key 'a' stands there twice (line 2 on); expected it once",
        ),
        ("seed: 1\nseed: 2", "the key 'seed' stands there twice"),
        ("gate: {<<: &a {alpha: 0.1}, <<: &b {max_drop: 2.0}}", "the key '<<' stands there twice (line 1 on)"),
        ("seed: 010", "'010' (line 1) is a number to base 8 or 60 in YAML; expected it without leading zeros"),
        ("seed: 1\ngate: {max_drop: 1:30}", "'1:30' (line 2) is a number to base 8 or 60"),
        ("gate: {max_drop: 1:30.5}", "'1:30.5' (line 1) is a number to base 8 or 60"),
        ("dataset: {config: -007}", "'-007' (line 1) is a number to base 8 or 60"),
        *(
            (
                f"variants: {{a: [{{sparsify: {{retrain: false, {option}: {value}}}}}]}}",
                f"sparsify: retrain is false, and {option} is {value}; expected it left out",
            )
            for option, value in {
                "learning_rate": "0.1",
                "temperature": "2.0",
                "alpha": "0.1",
                "hidden": "1.0",
                "batch_size": "8",
                "patience": "1",
                "transfer": "5",
                "steps": "2",
            }.items()
        ),
        ("variants: {a: [{sparsify: {block: [true, 1]}}]}", "sparsify: block holds True; expected two of 1, 2, 4, 8"),
        ("variants: {a: [{sparsify: {block: [4.0, 1]}}]}", "sparsify: block holds 4.0; expected two of 1, 2, 4, 8"),
        ("variants: {a: [{sparsify: {block: [3, 1]}}]}", "variant 'a', sparsify: 'block.0' is 3: input should be 1, 2"),
        (
            "variants: {a: [{distill: {hidden: 1e308}}]}",
            "'hidden' is 1e+308: input should be less than or equal to 1000",
        ),
        ("variants: {a: [", "not YAML"),
        ("a: !!python/object/apply:os.getcwd []", "not YAML"),
        ("\x00", "not YAML"),
        pytest.param("Teacher: {}", "unknown key 'Teacher'"),
        pytest.param("teacher: {Epochs: 3}", "unknown key 'teacher.Epochs'"),
        pytest.param("variants: {a: [{distill: {layers: three}}]}", "'layers' is 'three'"),
        pytest.param("variants: {a: [{distill: {layers: [a]}}]}", "'layers' is "),
        pytest.param("variants: {a: [{prune: {temperature: .inf}}]}", "temperature"),
        pytest.param("variants: {a: [{prune: {temperature: 1000}}]}", "temperature"),
        pytest.param("variants: {a: [{distill: {temperature: 1e-9}}]}", "temperature"),
        pytest.param("variants: {a: [{prune: {hidden: .inf}}]}", "hidden"),
        pytest.param("[]", "[] was given"),
        pytest.param("false", "False was given"),
    ],
)
def test_refusals_say_what_was_given_and_what_is_accepted(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BonsaiError) as refused:
        read(tmp_path, text)
    assert "tiny.yaml'" in str(refused.value)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"teacher: {source: caf\xe9}")
    for name, said in (("latin.yaml", "not UTF-8 at byte 21"), ("none.yaml", "No such file"), (".", "Is a directory")):
        with pytest.raises(BonsaiError, match=said):
            load_recipe(tmp_path / name)
