"""What an experiment may be, and how the rest is refused."""

from typing import Any

import pytest

from service.experiments.assignment import Assigner
from service.experiments.definition import Experiment, read, read_changes, read_yaml
from service.experiments.errors import Conflict, ExperimentError, Invalid

VARIANTS = ["teacher", "int8", "nano"]


def definition(**changes: Any) -> dict[str, Any]:
    arms = [{"variant": "teacher", "weight": 0.8}, {"variant": "nano", "weight": 0.2}]
    return {"name": "nano_ab", "control": "teacher", "arms": arms, **changes}


def test_three_keys_are_an_experiment() -> None:
    experiment = read(definition(), VARIANTS)
    assert (experiment.margin, experiment.alpha, experiment.mode, experiment.traffic) == (1.0, 0.05, "split", 1.0)
    assert experiment.seed == "nano_ab"
    assert [arm.variant for arm in experiment.others] == ["nano"]
    assert read(experiment.content(), VARIANTS) == experiment


def arms(*pairs: tuple[str, float]) -> dict[str, Any]:
    return {"arms": [{"variant": name, "weight": weight} for name, weight in pairs]}


@pytest.mark.parametrize(
    "changes, said",
    [
        (arms(("teacher", 0.5), ("nano", 0.6)), "sum to 1.1; expected 1"),
        (arms(("teacher", 0.5), ("nano", 0.25), ("nano", 0.25)), "'nano' is there twice"),
        (arms(("teacher", 0.5), ("bert", 0.5)), "'bert' is no variant; expected one of teacher, int8, nano"),
        (arms(("teacher", 1.0)), "'arms' is"),
        (arms(("teacher", 1.0), ("nano", 0.0)), "the weight of the arm 'nano' is 0"),
        (arms(("teacher", 1.5), ("nano", -0.5)), "'arms.0.weight' is 1.5"),
        (arms(("int8", 0.5), ("nano", 0.5)), "'control' is 'teacher'; expected one of the arms, int8, nano"),
        ({"margin": 0}, "'margin' is 0: "),
        ({"margin": 100}, "'margin' is 100: "),
        ({"margin": float("nan")}, "'margin' is NaN: "),
        ({"margin": "1"}, "'margin' is \"1\": "),
        ({"margin": 1e-7}, "'margin' is 1e-07: "),
        ({"alpha": 0.9}, "'alpha' is 0.9: "),
        ({"alpha": 5e-324}, "'alpha' is 5e-324: "),
        (arms(("teacher", 0.33332), ("int8", 0.33333), ("nano", 0.33333)), "sum to 0.99998; expected 1"),
        ({"traffic": 0.0}, "'traffic' is 0.0: "),
        ({"traffic": True}, "'traffic' is true: "),
        ({"mode": "canary"}, "'mode' is \"canary\": input should be 'split', 'shadow' or 'both'"),
        ({"name": "../x"}, "'name' is \"../x\": "),
        ({"name": "a" * 65}, "'name' is "),
        ({"name": "nano_ab\n"}, "'name' is "),
        ({"unit": {}}, "expected one of header, field and cookie"),
        ({"unit": {"header": "x", "cookie": "y"}}, "expected one of header, field and cookie"),
        ({"unit": {"header": "x y"}}, "'unit.header' is \"x y\""),
        ({"unit": {"field": "texts"}}, "which the body holds already"),
        ({"weights": 1}, "unknown key 'weights'; expected one of name, salt, control"),
        ({"guardrails": {"p99": {}}}, "unknown key 'guardrails.p99'; expected one of error_rate, latency, agreement"),
        ({"guardrails": {"latency": {"most": -1}}}, "'guardrails.latency.most' is -1"),
        ({"guardrails": {"agreement": {"least": 0.9}}}, "needs pairs of answers"),
        ({"metric": {"name": "sold", "low": 1, "high": 1}}, "expected 'low' below 'high'"),
        ({"metric": {"name": "sold"}, "mode": "shadow"}, "expected 'mode' split or both"),
        ({"guardrails": {"error_rate": {"most": 0.1}}, "mode": "shadow"}, "expected 'mode' split or both"),
        (
            arms(("teacher", 1.0), ("nano", 1e-320)),
            "the weight of the arm 'nano' is 9.99989e-321; expected at least 0.0001",
        ),
        ({"metric": {}}, "'metric.name' is missing; expected name, low, high, better, margin there"),
        ({"traffic": 0.00001}, "'traffic' is 1e-05: "),
        ({"guardrails": {"error_rate": {"most": 1.0}}}, "a share that none passes; expected less than 1"),
        ({"unit": {"header": "X-Bonsai-Variant"}}, "which names the arm to take; expected another name"),
        ({"metric": {"name": "sold", "low": -1e308, "high": 1e308}}, "'metric.low' is -1e+308: "),
        ({"control": None}, "'control' is null"),
        ({"stop": {"labels": 10**30}}, "'stop.labels' is 1000000000000000000000000000000: "),
        ({"guardrails": {"latency": {"most": 2, "minimum": 2**60}}}, "'guardrails.latency.minimum' is 11529215046068"),
    ],
)
def test_anything_else_is_refused_in_a_sentence_that_says_where(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(definition(**changes), VARIANTS)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "pydantic" not in str(refused.value)


@pytest.mark.parametrize("given", [None, [], "teacher", 3, {}])
def test_what_is_no_experiment_is_refused(given: object) -> None:
    with pytest.raises(Invalid, match="name"):
        read(given, VARIANTS)


def test_weights_need_not_be_exact_in_binary() -> None:
    assert read(definition(**arms(("teacher", 0.7), ("int8", 0.2), ("nano", 0.1))), VARIANTS)


def test_weights_of_six_digits_stand_for_what_sums_to_1_and_move_nobody() -> None:
    third = [("teacher", 0.333333), ("int8", 0.333333), ("nano", 0.333333)]
    experiment = read(definition(**arms(*third)), VARIANTS)
    assert sum(arm.weight for arm in experiment.arms) == pytest.approx(1, abs=1e-15)
    assert read(experiment.content(), VARIANTS) == experiment == read_changes(experiment, arms(*third), VARIANTS)
    exact = experiment.model_copy(
        update={"arms": tuple(arm.model_copy(update={"weight": 0.333333}) for arm in experiment.arms)}
    )
    units = [f"{number}" for number in range(2000)]
    assert [*map(Assigner(experiment).assign, units)] == [*map(Assigner(exact).assign, units)]
    as_given = arms(("teacher", 0.7), ("int8", 0.2), ("nano", 0.1))
    assert read(definition(**as_given)).content()["arms"] == as_given["arms"]


def test_in_the_shadow_weights_mean_nothing() -> None:
    assert read(definition(mode="shadow", **arms(("teacher", 1.0), ("nano", 0.0))), VARIANTS).shadows


def test_what_can_change_does_and_the_rest_keeps_its_meaning() -> None:
    experiment = read(definition(), VARIANTS)
    changed = read_changes(experiment, arms(("teacher", 0.5), ("nano", 0.5)), VARIANTS)
    assert [arm.weight for arm in changed.arms] == [0.5, 0.5]
    for change in ({"margin": 2.0}, {"control": "nano"}, {"salt": "x"}, arms(("teacher", 0.5), ("int8", 0.5))):
        with pytest.raises(Conflict):
            read_changes(experiment, change, VARIANTS)
    for nothing in ({}, None, [], {"colour": "red"}):
        with pytest.raises(ExperimentError):
            read_changes(experiment, nothing, VARIANTS)


YAML = """
- name: one
  control: teacher
  arms: [{variant: teacher, weight: 0.5}, {variant: nano, weight: 0.5}]
  unit: {header: X-User-Id}
- name: two
  control: nano
  mode: shadow
  arms: [{variant: nano, weight: 1}, {variant: teacher, weight: 0}]
"""


def test_a_file_holds_one_or_several() -> None:
    assert [each.name for each in read_yaml(YAML, "x.yaml", VARIANTS)] == ["one", "two"]
    merged = YAML.replace("{variant: nano, weight: 0.5}", "{<<: &half {weight: 0.5}, variant: nano}")
    assert read_yaml(merged, "x.yaml", VARIANTS) == read_yaml(YAML, "x.yaml", VARIANTS)
    assert isinstance(read_yaml("\n".join(line[2:] for line in YAML.splitlines()[1:5]), "x.yaml")[0], Experiment)


@pytest.mark.parametrize(
    "text, said",
    [
        ("name: [", "'x.yaml', line 1 is no YAML"),
        (YAML.replace("two", "one"), "the experiment 'one' is there twice"),
        (YAML.replace("  mode: shadow", "  name: three"), "the key 'name' is there twice"),
        ("", "a null was given"),
        ('? "\\e[31m"\n: 1\n? "\\e[31m"\n: 2\n', "the key '\N{REPLACEMENT CHARACTER}[31m' is there twice"),
        ("!!python/object/apply:os.system [ls]", "is no YAML"),
    ],
)
def test_a_file_that_holds_something_else_is_refused(text: str, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_yaml(text, "x.yaml", VARIANTS)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "name: 2024-13-45", "name: 0b_", "a: !!int b", "{a: " * 400 + "}" * 400, "? [a]\n: b", "&a [*a]",
        "name: &a [*a]", "&a {name: x, control: *a}", f"margin: 0x{'f' * 5000}", f"name: 0x{'f' * 5000}",
        'name: x\ncontrol: "\\ud800"\narms: [{variant: a, weight: 0.5}, {variant: b, weight: 0.5}]',
    ],
)  # fmt: skip
def test_yaml_that_no_reader_likes_is_one_sentence(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_yaml(text, "my.yaml")
    assert str(caught.value).startswith("'my.yaml'")
