from models.prove.wording import join, points, quoted


def test_small_words() -> None:
    assert [points(value) for value in (0.0123, -0.0123, -0.000001, 0.5)] == ["1.23", "−1.23", "0.00", "50.00"]
    assert [join(list(names)) for names in ("a", "ab", "abc")] == ["a", "a and b", "a, b and c"]
    assert quoted(" two\nlines ") == "'two lines'"
    assert len(quoted("x" * 500)) < 70
