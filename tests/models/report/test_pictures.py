import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from models.report.build_results import BuildResults, VariantResults, read_build_results
from models.report.pictures import accuracy_against_latency, pareto_front, reliability_diagrams
from models.runtime.card import Estimate


@pytest.fixture(scope="module")
def results(built: Path) -> BuildResults:
    return read_build_results(built)


def at(result: VariantResults, mean_ms: float, accuracy: float) -> VariantResults:
    estimate = Estimate(value=accuracy, low=accuracy - 0.01, high=accuracy + 0.01)
    return replace(result, mean_ms=mean_ms, card=result.card.model_copy(update={"accuracy": estimate}))


def names(svg: bytes) -> list[tuple[str, float, float]]:
    """Return every text of a picture with its place; matplotlib draws the letters as paths and says the text in a
    comment.
    """
    found = re.findall(r"<!-- (.+?) -->\s*<g [^>]*transform=\"translate\(([\d.-]+) ([\d.-]+)\)", svg.decode())
    return [(text, float(x), float(y)) for text, x, y in found]


@pytest.mark.parametrize("draw", [accuracy_against_latency, reliability_diagrams])
@pytest.mark.parametrize("narrow", [False, True])
def test_a_picture_is_well_formed_names_every_variant_and_is_drawn_alike_again(
    results: BuildResults, draw: object, narrow: bool
) -> None:
    assert callable(draw)
    svg = draw(results, narrow=narrow)
    root = ElementTree.fromstring(svg)
    assert root.tag.endswith("svg")
    assert {result.name for result in results.variants} <= {text for text, _, _ in names(svg)}
    assert b"<dc:date>" not in svg
    assert draw(results, narrow=narrow) == svg


@pytest.mark.parametrize("narrow", [False, True])
def test_the_names_of_a_crowd_do_not_cover_each_other(results: BuildResults, narrow: bool) -> None:
    crowd = [at(result, 0.55 + 0.01 * place, 0.92 + 0.001 * place) for place, result in enumerate(results.variants[1:])]
    variants = [at(results.variants[0], 12.0, 0.925), *crowd]
    drawn = names(accuracy_against_latency(replace(results, variants=variants), narrow=narrow))
    placed = [entry for entry in drawn if entry[0] in {result.name for result in crowd}]
    assert len(placed) == len(crowd)
    for number, (text, x, y) in enumerate(placed):
        for _, other_x, other_y in placed[number + 1 :]:
            left, right = (x, other_x) if x <= other_x else (other_x, x)
            width = 4.5 * len(text)  # points: a small letter of this size takes some five
            assert abs(y - other_y) > 8 or right - left > width


def test_nothing_beats_the_front_and_the_front_beats_all_else(results: BuildResults) -> None:
    places = [(12.0, 0.93), (3.0, 0.93), (0.5, 0.91), (0.5, 0.90), (6.0, 0.92), (4.0, 0.95), (5.0, 0.8)]
    variants = [at(result, *place) for result, place in zip(results.variants, places, strict=False)]

    def beats(one: VariantResults, other: VariantResults) -> bool:
        ours, theirs = (one.card.accuracy.value, -one.mean_ms), (other.card.accuracy.value, -other.mean_ms)
        return ours != theirs and ours[0] >= theirs[0] and ours[1] >= theirs[1]

    front = pareto_front(variants)
    assert not [other for other in variants for one in front if beats(other, one)]
    assert all(one in front or any(beats(other, one) for other in front) for one in variants)
    assert [one.mean_ms for one in front] == sorted(one.mean_ms for one in front)


def test_a_teacher_alone_is_drawn_too(results: BuildResults) -> None:
    alone = replace(results, variants=results.variants[:1])
    assert accuracy_against_latency(alone, narrow=False)
    assert reliability_diagrams(alone, narrow=True)
