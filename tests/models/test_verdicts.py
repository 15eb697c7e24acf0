from dataclasses import replace
from pathlib import Path

import pytest

from models.card import Card, Verdict
from models.findings import Findings, read_findings
from models.gate import LARGEST_TEST, Paired, judge
from models.recipe import Gate
from models.statistics import holm
from models.table import print_table
from models.verdicts import conclude, holm_over_family, join, level, points, undecided_note

PASSED, WORSE, UNDECIDED = Paired(4, 6, 3080), Paired(90, 10, 3080), Paired(40, 23, 3080)


def verdict(counts: Paired) -> Verdict:
    return judge(counts, Gate())


@pytest.fixture(scope="module")
def findings(built: Path) -> Findings:
    """The tiny build with verdicts and times of a large one: two passed, one is worse, the others are undecided."""
    read = read_findings(built)
    counts = {"int8": PASSED, "distilled": PASSED, "pruned": WORSE}
    times = {"teacher": 12.0, "int8": 3.0, "distilled": 6.0}

    def changed(place: int) -> Card:
        card = read.variants[place].card
        return card.model_copy(update={"gate": verdict(counts.get(card.name, UNDECIDED))}) if place else card

    return replace(read, variants=[replace(one, card=changed(place), p50_ms=times.get(one.name, 1.0)) for place, one in enumerate(read.variants)])


def cards(findings: Findings) -> list[Card]:
    return [finding.card for finding in findings.variants]


def test_the_counts_have_the_verdicts_that_these_tests_need() -> None:
    assert [verdict(counts).verdict for counts in (PASSED, WORSE, UNDECIDED)] == ["passed", "worse", "undecided"]


def test_holm_is_over_the_judged_and_never_below_mcnemar(findings: Findings) -> None:
    adjusted = holm_over_family(cards(findings))
    assert list(adjusted) == [finding.name for finding in findings.judged]
    alone = [card.gate.mcnemar_p for card in cards(findings) if card.gate]
    assert list(adjusted.values()) == holm(alone)
    assert all(together >= single for together, single in zip(adjusted.values(), alone, strict=True))


def test_the_conclusion_names_every_variant_under_its_verdict_and_the_fastest_that_passed(findings: Findings) -> None:
    said = conclude(findings)
    passed, undecided, worse = (next(sentence for sentence in said if sentence.startswith(start)) for start in ("2 of", "Undecided", "Worse"))
    assert "int8 and distilled are shown" in passed
    assert f"lose less than 1 point of accuracy against the teacher, which has {100 * findings.teacher.card.accuracy.value:.2f} %" in passed
    assert said[1].startswith("The fastest that passed is int8: half of the texts take it 3.00 ms or less, where the teacher takes 12.00 (4.0 times as fast)")
    for finding in findings.judged:
        gate = finding.card.gate
        assert gate is not None
        sentence = {"passed": passed, "undecided": undecided, "worse": worse}[gate.verdict]
        assert finding.name in sentence
        if gate.verdict != "passed":
            assert f"{finding.name} with a drop of {points(gate.drop)} (interval {points(gate.low)} to {points(gate.high)})" in sentence


def test_without_a_variant_that_passed_no_fastest_is_named(findings: Findings) -> None:
    none = replace(findings, variants=[one for one in findings.variants if one.verdict != "passed"])
    said = " ".join(conclude(none))
    assert said.startswith(f"None of {len(none.judged)} variants is shown")
    assert "fastest" not in said
    assert conclude(replace(findings, variants=findings.variants[:1])) == ["Only the teacher is built: there is no variant to judge."]


def test_a_cascades_median_is_not_passed_off_as_its_mean(findings: Findings) -> None:
    changed = [
        replace(one, card=one.card.model_copy(update={"gate": verdict(PASSED)}), p50_ms=0.1) if one.name == "cascade" else one for one in findings.variants
    ]
    (sentence,) = [sentence for sentence in conclude(replace(findings, variants=changed)) if "fastest" in sentence]
    assert "that it escalates take longer" in sentence


def test_what_fails_under_perturbation_only_is_named(findings: Findings) -> None:
    rows = 3080
    many = {"given": [0] * rows, "typos": [0] * rows, "other_case": [0] * rows}
    changed = [replace(one, evidence=one.evidence.model_copy(update=many)) for one in findings.variants]
    place = next(place for place, one in enumerate(changed) if one.name == "int8")
    frail = changed[place].evidence.model_copy(update={"typos": [1] * 100 + [0] * (rows - 100)})
    changed[place] = replace(changed[place], evidence=frail)
    large = replace(findings, gold=changed[0].evidence.labels, variants=changed)
    assert conclude(large)[-1] == "Under typos, int8 is worse than the teacher."
    assert not [sentence for sentence in conclude(replace(large, variants=[one for one in changed if one.name != "int8"])) if sentence.startswith("Under")]


def test_the_note_says_how_many_rows_would_decide(findings: Findings) -> None:
    need, more = verdict(UNDECIDED), verdict(Paired(41, 23, 3080))
    waiting = [finding.name for finding in findings.judged if finding.verdict == "undecided"]
    assert undecided_note(cards(findings)) == f"undecided: {need.rows_to_decide:,} test rows would decide {join(waiting)}"
    changed = [card.model_copy(update={"gate": more}) if card.name == waiting[-1] else card for card in cards(findings)]
    assert undecided_note(changed).endswith(f"would decide {join(waiting[:-1])}, {more.rows_to_decide:,} {waiting[-1]}")
    assert undecided_note([card for card in cards(findings) if card.name not in waiting]) == ""


def test_a_question_that_no_test_set_decides_is_said_so(findings: Findings) -> None:
    card = next(card for card in cards(findings) if card.name == "int8")
    stuck = card.model_copy(update={"gate": verdict(UNDECIDED).model_copy(update={"rows_to_decide": LARGEST_TEST})})
    assert undecided_note([stuck]) == "undecided: no test set would decide int8, so near the margin is the drop"


def test_small_words() -> None:
    assert [points(value) for value in (0.0123, -0.0123, -0.000001, 0.5)] == ["1.23", "−1.23", "0.00", "50.00"]
    assert [join(list(names)) for names in ("a", "ab", "abc")] == ["a", "a and b", "a, b and c"]
    assert level(verdict(PASSED)) == "95 %"


@pytest.mark.parametrize("columns", ["40", "80", "100", "200"])
def test_the_build_table_says_verdict_and_drop_in_a_hundred_columns(
    findings: Findings, built: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    print_table(cards(findings), built)
    *lines, note = capsys.readouterr().out.splitlines()
    assert note == undecided_note(cards(findings))
    assert max(map(len, lines)) <= 100
    for card in cards(findings)[1:]:
        (line,) = [line for line in lines if line.split()[:1] == [card.name]]
        assert card.gate is not None
        assert f"{100 * card.gate.drop:.2f} [{100 * card.gate.low:.2f}, {100 * card.gate.high:.2f}] {card.gate.verdict}" in " ".join(line.split())
