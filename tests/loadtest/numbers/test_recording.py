from hdrh.histogram import HdrHistogram

from loadtest.numbers.recording import EXAMPLES, LONGEST, Recording, add_up


def test_times_survive_encoding_to_the_microsecond_below_two_milliseconds() -> None:
    recording = Recording()
    for microseconds in (137, 138, 1999):
        recording.add(microseconds * 1000)
    histogram = HdrHistogram.decode(recording.measurement().histogram)
    assert [item.value_iterated_to for item in histogram.get_recorded_iterator()] == [137, 138, 1999]


def test_times_are_kept_within_a_thousandth_and_never_lost() -> None:
    recording = Recording()
    times = [5, 1_234, 56_789, 4_321_000, 10 * LONGEST]
    for microseconds in times:
        recording.add(microseconds * 1000)
    histogram = HdrHistogram.decode(recording.measurement().histogram)
    assert histogram.get_total_count() == len(times)
    kept = [item.value_iterated_to for item in histogram.get_recorded_iterator()]
    assert all(abs(now - then) <= then / 1000 for now, then in zip(kept[:-1], times[:-1], strict=True))


def test_late_answers_count_in_the_times_and_other_failures_do_not() -> None:
    recording = Recording()
    recording.add(1_000_000, texts=3, batch_flips=2)
    recording.add(9_000_000, "late", "slow")
    recording.add(2_000, "5xx", "status 500")
    kept = recording.measurement()
    assert (kept.requests, kept.right, kept.right_texts, kept.batch_flips) == (3, 1, 3, 2)
    assert kept.failures == {"late": 1, "5xx": 1}
    assert HdrHistogram.decode(kept.histogram).get_total_count() == 2


def test_a_few_examples_of_each_kind_are_kept() -> None:
    recording = Recording()
    for number in range(10):
        recording.add(1, "wrong_label", f"number {number}")
    assert recording.measurement().failure_examples == {
        "wrong_label": [f"number {number}" for number in range(EXAMPLES)]
    }


def test_processes_add_up() -> None:
    parts = [Recording(), Recording()]
    for number, part in enumerate(parts, 1):
        for moment in range(1, 5):
            part.start(50_000, waited=False)
            part.add(number * 1_000_000, texts=2, moment=moment * 1_000_000_000)
        part.add(5, "5xx", f"status 500 of {number}")
    parts[0].start(0, waited=True)
    total = add_up([part.measurement() for part in parts])
    assert (total.requests, total.right, total.right_texts, total.failures) == (10, 8, 16, {"5xx": 2})
    assert total.failure_examples == {"5xx": ["status 500 of 1", "status 500 of 2"]}
    assert total.texts_per_second == 4.0  # each: six texts in the three seconds after its first answer
    assert HdrHistogram.decode(total.histogram).get_total_count() == 8
    assert (HdrHistogram.decode(total.lateness).get_total_count(), total.no_connection) == (8, 1)


def test_a_rate_needs_two_answers_of_each_user() -> None:
    recording = Recording()
    assert recording.measurement().texts_per_second is None
    for moment in (1, 2):
        recording.add(1, texts=2, moment=moment * 1_000_000_000, user="0.1")
    assert recording.measurement().texts_per_second == 2.0
    recording.add(1, texts=2, moment=1_000_000_000, user="0.2")
    assert recording.measurement().texts_per_second is None


def test_users_that_are_answered_together_are_no_slower_than_in_turn() -> None:
    together, in_turn = Recording(), Recording()
    for answer in range(4):
        for user, shift in (("0.1", 0), ("0.2", 500_000_000)):
            together.add(1, texts=256, moment=answer * 1_000_000_000, user=user)
            in_turn.add(1, texts=256, moment=answer * 1_000_000_000 + shift, user=user)
    assert together.measurement().texts_per_second == in_turn.measurement().texts_per_second == 512.0
