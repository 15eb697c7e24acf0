"""What a user is told: the options of `locust -f loadtest/locustfile.py`, and the same values when Locust runs as a library."""

from argparse import ArgumentParser, Namespace

CORPUS = "variants/corpus.jsonl"
TIMEOUT = 5.0
SEED = 1


def add_options(parser: ArgumentParser) -> None:
    """Declare the options on Locust's command line (its web page shows them too)."""
    parser.add_argument("--variant", default="teacher", help="the variant to ask")
    parser.add_argument("--variant-version", default="", help="count answers of any other version as off-schema")
    parser.add_argument("--corpus", default=CORPUS, help="test texts with each variant's expected label")
    parser.add_argument("--corpus-seed", default=str(SEED), help="order of the texts")
    parser.add_argument("--answer-timeout", type=float, default=TIMEOUT, help="seconds after which an answer is late")
    parser.add_argument("--texts-per-request", type=int, default=1, help="texts in one request; labels that change then are batch flips")


def options(**given: object) -> Namespace:
    """Return the options as Locust would have parsed them, with other values for those given."""
    parser = ArgumentParser()
    add_options(parser)
    return Namespace(**{**vars(parser.parse_args([])), "headless": False, **given})
