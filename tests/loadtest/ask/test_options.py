from loadtest.ask.options import options


def test_what_is_not_given_is_as_on_locusts_command_line() -> None:
    given = options(variant="int8", stop_timeout=3.0)
    assert (given.variant, given.stop_timeout, given.headless) == ("int8", 3.0, False)
    assert given.texts_per_request == 1
