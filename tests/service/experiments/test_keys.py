"""Names are all different, whoever asks for them at the same time."""

from concurrent.futures import ThreadPoolExecutor

from service.experiments.keys import AT_ONCE, RandomDigits


def test_threads_get_different_ones() -> None:
    give, many = RandomDigits(20), 8 * AT_ONCE
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: give(), range(many)))
    assert len(set(made)) == many
    assert all(len(one) == 20 and set(one) <= set("0123456789abcdef") for one in made)
