import pytest

from loadtest.arguments import plan_of, read_arguments, traffic_of
from loadtest.errors import LoadTestError
from loadtest.scenarios.plan import QUICK_BUDGET
from loadtest.scenarios.registry import BY_DEFAULT


def test_everything_is_measured_unless_quick() -> None:
    assert plan_of(read_arguments([]), ["a", "b"]).scenarios == BY_DEFAULT
    quick = plan_of(read_arguments(["--quick"]), ["a", "b"])
    assert quick.scenarios == ("SingleStream",)
    assert (quick.warm_up + quick.seconds) * 3 * quick.rounds <= QUICK_BUDGET  # two variants and the control


def test_a_mix_needs_a_rate_and_variants_that_are_measured() -> None:
    with pytest.raises(LoadTestError, match="a mix has no rate of its own"):
        plan_of(read_arguments(["--mix", "a=1,b=3"]), ["a", "b"])
    with pytest.raises(LoadTestError, match="the mix names 'c', which is not measured; expected some of a, b"):
        plan_of(read_arguments(["--mix", "a=1,c=3", "--rate", "10"]), ["a", "b"])
    with pytest.raises(LoadTestError, match="--rate is that of a mix; give its variants with --mix"):
        plan_of(read_arguments(["--rate", "10"]), ["a", "b"])
    plan = plan_of(read_arguments(["--mix", "a=1,b=3", "--rate", "10"]), ["a", "b"])
    assert (plan.options.mix, plan.options.rate, plan.scenarios[-1]) == ({"a": 1.0, "b": 3.0}, 10.0, "Mix")


def test_texts_come_from_where_they_were_said_to() -> None:
    assert traffic_of(read_arguments(["--lengths", "8,16"])).source == "lengths 8,16"
    assert traffic_of(read_arguments([])).source == "variants/corpus.jsonl"


@pytest.mark.parametrize(
    "given",
    [
        ["--rounds", "0"],
        ["--seconds", "0"],
        ["--rate", "0"],
        ["--scenarios", "Other"],
        ["--price", "x"],
        ["--rounds", "x"],
        ["--mix", "a=0"],
        ["--mix", "a=1e308,b=1e308"],
        ["--master-port", "99999"],
    ],
)
def test_what_cannot_be_is_refused(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read_arguments(given)
    assert ended.value.code == 2
    assert given[0] in capsys.readouterr().err
