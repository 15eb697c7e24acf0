from hdrh.histogram import HdrHistogram

from loadtest.recording import EXAMPLES, LONGEST, Recording


def test_times_survive_encoding_to_the_microsecond_below_two_milliseconds() -> None:
    recording = Recording()
    for microseconds in (137, 138, 1999):
        recording.add(microseconds * 1000)
    histogram = HdrHistogram.decode(recording.to_json()["histogram"])
    assert [item.value_iterated_to for item in histogram.get_recorded_iterator()] == [137, 138, 1999]


def test_times_are_kept_within_a_thousandth_and_never_lost() -> None:
    recording = Recording()
    times = [5, 1_234, 56_789, 4_321_000, 10 * LONGEST]
    for microseconds in times:
        recording.add(microseconds * 1000)
    histogram = HdrHistogram.decode(recording.to_json()["histogram"])
    assert histogram.get_total_count() == len(times)
    kept = [item.value_iterated_to for item in histogram.get_recorded_iterator()]
    assert all(abs(now - then) <= then / 1000 for now, then in zip(kept[:-1], times[:-1], strict=True))


def test_late_answers_count_in_the_times_and_other_failures_do_not() -> None:
    recording = Recording()
    recording.add(1_000_000, texts=3, batch_flips=2)
    recording.add(9_000_000, "late", "slow")
    recording.add(2_000, "5xx", "status 500")
    kept = recording.to_json()
    assert (kept["requests"], kept["right"], kept["right_texts"], kept["batch_flips"]) == (3, 1, 3, 2)
    assert kept["failures"] == {"late": 1, "5xx": 1}
    assert HdrHistogram.decode(kept["histogram"]).get_total_count() == 2


def test_a_few_examples_of_each_kind_are_kept() -> None:
    recording = Recording()
    for number in range(10):
        recording.add(1, "wrong_label", f"number {number}")
    assert recording.to_json()["failure_examples"] == {"wrong_label": [f"number {number}" for number in range(EXAMPLES)]}
