import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from models.card import Estimate
from models.findings import Finding, Findings, read_findings
from models.pictures import accuracy_against_latency, pareto_front, reliability_diagrams


@pytest.fixture(scope="module")
def findings(built: Path) -> Findings:
    return read_findings(built)


def at(finding: Finding, mean_ms: float, accuracy: float) -> Finding:
    estimate = Estimate(value=accuracy, low=accuracy - 0.01, high=accuracy + 0.01)
    return replace(finding, mean_ms=mean_ms, card=finding.card.model_copy(update={"accuracy": estimate}))


def names(svg: bytes) -> list[tuple[str, float, float]]:
    """Return every text of a picture with its place; matplotlib draws the letters as paths and says the text in a comment."""
    found = re.findall(r"<!-- (.+?) -->\s*<g [^>]*transform=\"translate\(([\d.-]+) ([\d.-]+)\)", svg.decode())
    return [(text, float(x), float(y)) for text, x, y in found]


@pytest.mark.parametrize("draw", [accuracy_against_latency, reliability_diagrams])
@pytest.mark.parametrize("narrow", [False, True])
def test_a_picture_is_well_formed_names_every_variant_and_is_drawn_alike_again(findings: Findings, draw: object, narrow: bool) -> None:
    assert callable(draw)
    svg = draw(findings, narrow=narrow)
    root = ElementTree.fromstring(svg)
    assert root.tag.endswith("svg")
    assert {finding.name for finding in findings.variants} <= {text for text, _, _ in names(svg)}
    assert b"<dc:date>" not in svg
    assert draw(findings, narrow=narrow) == svg


@pytest.mark.parametrize("narrow", [False, True])
def test_the_names_of_a_crowd_do_not_cover_each_other(findings: Findings, narrow: bool) -> None:
    crowd = [at(finding, 0.55 + 0.01 * place, 0.92 + 0.001 * place) for place, finding in enumerate(findings.variants[1:])]
    variants = [at(findings.variants[0], 12.0, 0.925), *crowd]
    drawn = names(accuracy_against_latency(replace(findings, variants=variants), narrow=narrow))
    placed = [entry for entry in drawn if entry[0] in {finding.name for finding in crowd}]
    assert len(placed) == len(crowd)
    for number, (text, x, y) in enumerate(placed):
        for _, other_x, other_y in placed[number + 1 :]:
            left, right = (x, other_x) if x <= other_x else (other_x, x)
            width = 4.5 * len(text)  # points: a small letter of this size takes some five
            assert abs(y - other_y) > 8 or right - left > width


def test_nothing_beats_the_front_and_the_front_beats_all_else(findings: Findings) -> None:
    places = [(12.0, 0.93), (3.0, 0.93), (0.5, 0.91), (0.5, 0.90), (6.0, 0.92), (4.0, 0.95), (5.0, 0.8)]
    variants = [at(finding, *place) for finding, place in zip(findings.variants, places, strict=False)]

    def beats(one: Finding, other: Finding) -> bool:
        ours, theirs = (one.card.accuracy.value, -one.mean_ms), (other.card.accuracy.value, -other.mean_ms)
        return ours != theirs and ours[0] >= theirs[0] and ours[1] >= theirs[1]

    front = pareto_front(variants)
    assert not [other for other in variants for one in front if beats(other, one)]
    assert all(one in front or any(beats(other, one) for other in front) for one in variants)
    assert [one.mean_ms for one in front] == sorted(one.mean_ms for one in front)


def test_a_teacher_alone_is_drawn_too(findings: Findings) -> None:
    alone = replace(findings, variants=findings.variants[:1])
    assert accuracy_against_latency(alone, narrow=False)
    assert reliability_diagrams(alone, narrow=True)
