import io
from copy import deepcopy
from typing import Any

import numpy as np
from matplotlib.image import imread

from loadtest.plot import latency_against_accuracy


def test_a_picture_with_something_on_it(good_result: dict[str, Any]) -> None:
    pixels = imread(io.BytesIO(latency_against_accuracy(good_result)), format="png")
    assert pixels.shape[0] > 500
    assert pixels.shape[1] > 800
    assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 50


def test_the_same_result_gives_the_same_picture(good_result: dict[str, Any]) -> None:
    assert latency_against_accuracy(good_result) == latency_against_accuracy(deepcopy(good_result))


def test_variants_in_the_same_place_and_variants_without_answers_are_drawn_too(good_result: dict[str, Any]) -> None:
    result = deepcopy(good_result)
    for number in range(6):
        result["variants"][f"twin_{number}"] = deepcopy(result["variants"]["int8"])
    result["variants"]["tiny"]["scenarios"]["SingleStream"]["rounds"] = []
    assert latency_against_accuracy(result)
    for variant in result["variants"].values():
        variant["scenarios"]["SingleStream"]["rounds"] = []
    assert latency_against_accuracy(result)
