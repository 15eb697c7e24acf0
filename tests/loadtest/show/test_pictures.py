import io
from collections.abc import Callable
from copy import deepcopy

import numpy as np
import pytest
from matplotlib.image import imread

from loadtest.figures.comparison import Comparison
from loadtest.numbers.result import Result
from loadtest.show.accuracy import latency_against_accuracy
from loadtest.show.curve import latency_against_throughput
from loadtest.show.ecdf import share_within_time
from loadtest.show.tail import p99_bars

Draw = Callable[[Comparison], bytes]
ALL = pytest.mark.parametrize(
    "draw", [latency_against_accuracy, latency_against_throughput, share_within_time, p99_bars]
)


@ALL
def test_a_picture_with_something_on_it_and_the_same_each_time(draw: Draw, full_result: Result) -> None:
    picture = draw(Comparison(full_result))
    pixels = imread(io.BytesIO(picture), format="png")
    assert pixels.shape[0] > 500
    assert pixels.shape[1] > 800
    assert len(np.unique(pixels[::5, ::5].reshape(-1, pixels.shape[2]), axis=0)) > 50
    assert draw(Comparison(deepcopy(full_result))) == picture


@ALL
def test_variants_without_answers_are_no_error(draw: Draw, full_result: Result) -> None:
    result = deepcopy(full_result)
    for name in ("tiny", "teacher"):
        for scenario in result.variants[name].scenarios.values():
            scenario.rounds = []
        assert draw(Comparison(result))
