from argparse import ArgumentParser

import pytest

from loadtest.ask.options import add_options, options


def test_what_is_not_given_is_as_on_locusts_command_line() -> None:
    given = options(variant="int8", stop_timeout=3.0)
    assert (given.variant, given.stop_timeout, given.headless) == ("int8", 3.0, False)
    assert given.texts_per_request == 1


@pytest.mark.parametrize(
    "given",
    [
        "--rate nan", "--rate -1", "--texts-per-request 0", "--texts-per-request=-1", "--answer-timeout nan",
        "--answer-timeout 0", "--warm-up nan", "--window -1",
    ],
)  # fmt: skip
def test_numbers_that_mean_nothing_are_refused(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = ArgumentParser()
    add_options(parser)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(given.split())
    assert ended.value.code == 2
    assert "expected a" in capsys.readouterr().err
