"""What a user is told: the options of `locust -f loadtest/locustfile.py`, and the same values when Locust runs as a
library.
"""

from argparse import ArgumentParser, ArgumentTypeError, Namespace, _ActionsContainer
from collections.abc import Callable
from typing import TypeVar

CORPUS = "variants/corpus.jsonl"
TIMEOUT = 5.0
SEED = 1
Number = TypeVar("Number", int, float)


def add_options(parser: ArgumentParser) -> None:
    """Declare the options on Locust's command line (its web page shows them too)."""
    parser.add_argument("--variant", default="teacher", help="the variant to ask")
    parser.add_argument("--mix", default="", help="ask several variants by weight instead, like teacher=1,int8=3")
    parser.add_argument("--variant-version", default="", help="count answers of any other version as off-schema")
    parser.add_argument("--answer-timeout", type=seconds, default=TIMEOUT, help="seconds after which an answer is late")
    parser.add_argument(
        "--texts-per-request",
        type=whole,
        default=1,
        help="texts in one request; labels that change then are batch flips",
    )
    parser.add_argument(
        "--rate",
        type=not_negative,
        default=0.0,
        help="open loop: requests a second that each user starts, whatever the answers do (0: closed loop)",
    )
    parser.add_argument(
        "--warm-up", type=not_negative, default=0.0, help="seconds at the start that do not count in the exact figures"
    )
    parser.add_argument(
        "--window",
        type=not_negative,
        default=0.0,
        help="seconds after the warm-up that do count (0: all until the stop)",
    )
    parser.add_argument("--corpus-seed", default=str(SEED), help="order of the texts, and the arrivals of an open loop")
    add_traffic_options(parser)


def add_traffic_options(parser: _ActionsContainer) -> None:
    """Declare what `python -m loadtest.run` takes as well."""
    parser.add_argument("--corpus", default=CORPUS, help="test texts with each variant's expected label")
    parser.add_argument(
        "--texts-file", default="", help="ask these texts, one a line, instead of the corpus; no label is checked then"
    )
    parser.add_argument(
        "--lengths",
        default="",
        help="ask texts of these lengths in tokens instead, like 8,16,128 or 8:3,128:1; no label is checked then",
    )
    parser.add_argument(
        "--no-labels", action="store_true", help="check no label: for a service of another build than the corpus"
    )
    parser.add_argument(
        "--bursts",
        default="",
        help="FACTOR,SECONDS,EVERY: an open loop's rate is FACTOR times higher in SECONDS of EVERY seconds",
    )


def options(**given: object) -> Namespace:
    """Return the options as Locust would have parsed them, with other values for those given."""
    parser = ArgumentParser()
    add_options(parser)
    return Namespace(**{**vars(parser.parse_args([])), "headless": False, "enable_rebalancing": False, **given})


def _within(read: Callable[[str], Number], fits: Callable[[Number], bool], expected: str) -> Callable[[str], Number]:
    """Return what reads an option's number, and refuses what is none or does not fit."""

    def number(text: str) -> Number:
        try:
            value = read(text)
        except ValueError:
            value = None
        if value is None or not fits(value):  # NaN fits nowhere
            raise ArgumentTypeError(f"expected {expected}, got {text}")
        return value

    return number


whole = _within(int, lambda value: 1 <= value <= 4096, "a whole number from 1 to 4096")
several = _within(int, lambda value: 2 <= value <= 4096, "a whole number from 2 to 4096")  # for an interval over rounds
port = _within(int, lambda value: 1 <= value <= 65_535, "a port from 1 to 65535")
share = _within(float, lambda value: 0 < value <= 1, "a share above 0 and up to 1")
not_negative = _within(float, lambda value: 0 <= value < 1e6, "a number from 0 on")  # 0 stands for none
seconds = _within(float, lambda value: 0 < value <= 600, "a number above 0 and up to 600")
milliseconds = _within(float, lambda value: 0 < value <= 600_000, "a number above 0 and up to 600,000")
positive = _within(float, lambda value: 0 < value < 1e6, "a number above 0")  # a rate or a price
