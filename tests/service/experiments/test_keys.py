"""Names are all different, whoever asks for them at the same time."""

from concurrent.futures import ThreadPoolExecutor

from service.experiments.keys import AT_ONCE, next_key, random_digits


def test_threads_get_different_ones() -> None:
    give, many = random_digits(20), 8 * AT_ONCE
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: give(), range(many)))
    assert len(set(made)) == many
    assert all(len(one) == 20 and set(one) <= set("0123456789abcdef") for one in made)


def test_keys_come_in_the_order_of_their_times() -> None:
    """Rows of one batch lie together in the tables, which are sorted by their keys."""
    times = [0.0, 1.0, 9.99e8, 1.7e9, 1.7e9 + 0.001, 1.7e9 + 0.002, 4e9, 1.7e10]
    keys = [next_key(at) for at in times]
    assert keys == sorted(keys)
    assert {len(key) for key in keys} == {23}
    assert next_key(1.7e9) != next_key(1.7e9)
