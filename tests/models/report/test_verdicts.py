from dataclasses import replace
from pathlib import Path

import pytest

from models.prove.gate import LARGEST_TEST, Paired, judge
from models.prove.statistics import holm
from models.prove.wording import join, points
from models.recipe.recipe import Gate
from models.report.build_results import BuildResults, read_build_results
from models.report.table import print_table
from models.report.verdicts import (
    conclude,
    family_note,
    holm_over_family,
    overlap_note,
    shortcomings,
    undecided_note,
    untested_note,
)
from models.runtime.card import Card, Majority, Verdict

PASSED, WORSE, UNDECIDED = Paired(4, 6, 3080), Paired(90, 10, 3080), Paired(40, 23, 3080)


def verdict(counts: Paired) -> Verdict:
    return judge(counts, Gate())


@pytest.fixture(scope="module")
def results(built: Path) -> BuildResults:
    """The tiny build with verdicts and times of a large one: two passed, one is worse, the others are undecided."""
    read = read_build_results(built)
    counts = {"int8": PASSED, "distilled": PASSED, "pruned": WORSE}
    times = {"teacher": 12.0, "int8": 3.0, "distilled": 6.0}

    def changed(place: int) -> Card:
        card = read.variants[place].card
        rows = {"dataset": {**card.dataset, "rows": {**card.dataset["rows"], "test": 3080}}}
        return card.model_copy(update={"gate": verdict(counts.get(card.name, UNDECIDED)), **rows} if place else rows)

    return replace(
        read,
        variants=[
            replace(one, card=changed(place), mean_ms=times.get(one.name, 1.0))
            for place, one in enumerate(read.variants)
        ],
    )


def cards(results: BuildResults) -> list[Card]:
    return [result.card for result in results.variants]


def test_the_counts_have_the_verdicts_that_these_tests_need() -> None:
    assert [verdict(counts).verdict for counts in (PASSED, WORSE, UNDECIDED)] == ["passed", "worse", "undecided"]


def test_holm_is_over_the_judged_and_never_below_mcnemar(results: BuildResults) -> None:
    adjusted = holm_over_family(cards(results))
    assert list(adjusted) == [result.name for result in results.judged]
    alone = [card.gate.mcnemar_p for card in cards(results) if card.gate]
    assert list(adjusted.values()) == holm(alone)
    assert all(together >= single for together, single in zip(adjusted.values(), alone, strict=True))


def test_the_conclusion_names_every_variant_under_its_verdict_and_the_fastest_that_passed(
    results: BuildResults,
) -> None:
    said = conclude(results)
    passed, undecided, worse = (
        next(sentence for sentence in said if sentence.startswith(start)) for start in ("2 of", "Undecided", "Worse")
    )
    assert "int8 and distilled are shown" in passed
    assert (
        "lose less than 1 point of accuracy against the teacher, which has "
        f"{100 * results.teacher.card.accuracy.value:.2f} %"
    ) in passed
    assert said[1].startswith(
        "The fastest that passed is int8: a text takes it 3.00 ms on average, where the teacher takes 12.00 (4.0 "
        "times as fast)"
    )
    for result in results.judged:
        gate = result.card.gate
        assert gate is not None
        sentence = {"passed": passed, "undecided": undecided, "worse": worse}[gate.verdict]
        assert result.name in sentence
        if gate.verdict != "passed":
            assert (
                f"{result.name} with a drop of {points(gate.drop)} (interval {points(gate.low)} to {points(gate.high)})"
                in sentence
            )


def test_without_a_variant_that_passed_no_fastest_is_named(results: BuildResults) -> None:
    none = replace(results, variants=[one for one in results.variants if one.verdict != "passed"])
    said = " ".join(conclude(none))
    assert said.startswith(f"None of {len(none.judged)} variants passed")
    assert "fastest" not in said
    assert conclude(replace(results, variants=results.variants[:1])) == [
        "Only the teacher is built: there is no variant to judge."
    ]


def test_a_cascades_mean_counts_what_it_escalates(results: BuildResults) -> None:
    changed = [
        replace(one, card=one.card.model_copy(update={"gate": verdict(PASSED)}), mean_ms=0.1)
        if one.name == "cascade"
        else one
        for one in results.variants
    ]
    (sentence,) = [sentence for sentence in conclude(replace(results, variants=changed)) if "fastest" in sentence]
    assert "of them that it escalates" in sentence


def test_what_fails_under_perturbation_only_is_named(results: BuildResults) -> None:
    rows = 3080
    many = {"given": [0] * rows, "typos": [0] * rows, "other_case": [0] * rows}
    changed = [replace(one, predictions=one.predictions.model_copy(update=many)) for one in results.variants]
    place = next(place for place, one in enumerate(changed) if one.name == "int8")
    frail = changed[place].predictions.model_copy(update={"typos": [1] * 100 + [0] * (rows - 100)})
    changed[place] = replace(changed[place], predictions=frail)
    large = replace(results, gold=changed[0].predictions.labels, variants=changed)
    assert conclude(large)[-1] == "Under typos, int8 is worse than the teacher."
    assert not [
        sentence
        for sentence in conclude(replace(large, variants=[one for one in changed if one.name != "int8"]))
        if sentence.startswith("Under")
    ]


def changed(results: BuildResults, **gates: Verdict) -> BuildResults:
    """BuildResults in which some variants have another verdict."""
    made = [
        replace(one, card=one.card.model_copy(update={"gate": gates[one.name]})) if one.name in gates else one
        for one in results.variants
    ]
    return replace(results, variants=made)


def test_the_note_says_how_many_rows_would_decide(results: BuildResults) -> None:
    need, more = verdict(UNDECIDED), verdict(Paired(42, 23, 3080))
    waiting = [result.name for result in results.judged if result.verdict == "undecided"]
    rates = "with a probability of 80 %, if wins and losses went on at the present rates"
    assert (
        undecided_note(cards(results))
        == f"undecided: {need.rows_to_decide:,} test rows would decide {join(waiting)} {rates}"
    )
    said = undecided_note(cards(changed(results, **{waiting[0]: more})))
    assert said == (
        f"undecided: {need.rows_to_decide:,} test rows would decide {join(waiting[1:])}, {more.rows_to_decide:,} "
        f"{waiting[0]} {rates}"
    )
    assert undecided_note([card for card in cards(results) if card.name not in waiting]) == ""


@pytest.mark.parametrize("rows", [LARGEST_TEST, 10_000_000])
def test_a_question_that_no_test_set_decides_is_said_so(results: BuildResults, rows: int) -> None:
    stuck = verdict(UNDECIDED).model_copy(update={"rows_to_decide": rows})
    alone = [card for card in cards(changed(results, int8=stuck)) if card.name == "int8"]
    assert (
        undecided_note(alone)
        == "undecided: not even 100,000 test rows would decide int8, so near the margin is the drop"
    )
    assert undecided_note(cards(changed(results, int8=stuck))).endswith(
        "present rates; not even 100,000 test rows would decide int8, so near the margin is the drop"
    )


def test_the_familys_error_stands_beside_the_passes(results: BuildResults) -> None:
    said = family_note(cards(results))
    assert said.startswith(
        "a variant that loses the margin or more passes by chance at most 2.5 % of the time, one or more of 6 such at "
        "most 15 %; held to 2.5 %"
    )
    assert said.endswith("int8 and distilled still pass")
    close = verdict(Paired(31, 18, 3080))  # passes alone, not for six
    assert close.verdict == "passed"
    assert family_note(cards(changed(results, distilled=close))).endswith(", int8 still passes")
    assert family_note(cards(changed(results, int8=close, distilled=close))).endswith(", none still passes")
    assert (
        family_note(cards(results)[:2])
        == family_note([card for card in cards(results) if card.gate is None or card.gate.verdict != "passed"])
        == ""
    )


def test_below_the_teacher_but_not_by_the_margin_is_neither_worse_nor_untold(results: BuildResults) -> None:
    between = verdict(Paired(60, 25, 3080))
    assert 0 < between.low < between.margin < between.drop
    assert between.verdict == "undecided"
    even = dict.fromkeys(("distilled_int8", "trimmed", "cascade"), verdict(Paired(40, 27, 3080)))
    said = conclude(changed(results, int8=between, **even))
    assert "Below the teacher beyond chance, if perhaps by less than the margin: int8." in said
    assert not any("int8" in sentence for sentence in said if sentence.startswith("Worse"))
    assert not any(sentence.startswith("Below") for sentence in conclude(changed(results, **even)))


def test_every_reason_against_a_pass_is_said_once_with_all_that_it_holds_for(results: BuildResults) -> None:
    held = verdict(PASSED).model_copy(
        update={"verdict": "undecided", "withheld": "the teacher guesses", "rows_to_decide": 0}
    )
    other = verdict(WORSE).model_copy(update={"withheld": "it lost the class 'late'"})
    found = changed(results, int8=held, distilled=held, pruned=other)
    said = conclude(found)
    assert "No pass for int8 and distilled, whatever the drop: the teacher guesses." in said
    assert "No pass for pruned, whatever the drop: it lost the class 'late'." in said
    assert said[0].startswith("None of 6 variants passed")
    assert not any(" distilled " in sentence for sentence in said if sentence.startswith("Undecided"))
    assert len(shortcomings(cards(found))) == 2
    assert " distilled " not in undecided_note(cards(found))


def test_a_teacher_that_guesses_is_said_even_where_there_is_no_variant(results: BuildResults) -> None:
    guessing = Majority(label="late", share=0.5, lead=0.001, low=-0.01, high=0.02)
    card = results.teacher.card.model_copy(update={"majority": guessing})
    alone = replace(results, variants=[replace(results.teacher, card=card)])
    (_, said) = conclude(alone)
    assert said.startswith(
        "Teacher: not shown to be better than always answering 'late', which is right on 50.00 % of the test rows (a "
        "lead of 0.10 points"
    )


def test_texts_that_were_taught_are_counted(results: BuildResults) -> None:
    def counted(**overlap: int) -> Card:
        card = results.teacher.card
        return card.model_copy(update={"dataset": {**card.dataset, "overlap": overlap}})

    assert overlap_note(counted()) == overlap_note(counted(trained_on=0, near_duplicates=0, contradictory=0)) == ""
    said = (
        "7 of 3,080 test texts are training or validation texts too, 1,204 more are nearly equal to one; texts "
        "that bear several labels: 0"
    )
    assert overlap_note(counted(trained_on=7, near_duplicates=1204, contradictory=0)) == said
    more = counted(trained_on=7, near_duplicates=1204, contradictory=0, restated=1000, repeated=2)
    assert overlap_note(more) == said.replace("one;", "one, 1,000 of them but for case and punctuation;") + (
        "; test rows that repeat the text of another: 2"
    )


def test_labels_that_are_not_tested_are_said(results: BuildResults) -> None:
    card = results.teacher.card
    few = card.model_copy(update={"dataset": {**card.dataset, "untested": ["rare"]}})
    assert untested_note(card) == ""
    assert untested_note(few) == "the label 'rare' has no test row: what a variant loses of it is not seen"


@pytest.mark.parametrize("columns", ["40", "80", "100", "200"])
def test_the_build_table_says_verdict_and_drop_in_a_hundred_columns(
    results: BuildResults,
    built: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: str,
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    print_table(cards(results), built)
    *lines, overlap, undecided, family = capsys.readouterr().out.splitlines()
    assert (overlap, undecided, family) == (
        overlap_note(cards(results)[0]),
        undecided_note(cards(results)),
        family_note(cards(results)),
    )
    assert max(map(len, lines)) <= 100
    for card in cards(results)[1:]:
        (line,) = [line for line in lines if line.split()[:1] == [card.name]]
        assert card.gate is not None
        assert (
            f"{100 * card.gate.drop:.2f} [{100 * card.gate.low:.2f}, {100 * card.gate.high:.2f}] {card.gate.verdict}"
            in " ".join(line.split())
        )
