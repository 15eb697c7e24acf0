"""Short requests are computed together on the loop, long ones in turn in a thread; what cannot be done is refused."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest

from models.runtime.loading import load_variants
from service.routes.exchange import Times
from service.serving.queue import RowQueue
from service.serving.settings import BATCH_MS, INLINE_MS
from service.variants.cost import measure_cost
from service.variants.errors import Disconnected, Failed, Overloaded, TooLate, TooMuchAtOnce
from service.variants.registry import Loaded
from service.variants.startup import StartupCheck
from tests.service.stand_in import StandIn, asked, loaded

SLOW = INLINE_MS + 1


def labels(predictions: list[Any]) -> list[str]:
    return [prediction.label for prediction in predictions]


def run(work: Callable[[RowQueue], Awaitable[Any]], most_wait_ms: float = 1000.0) -> Any:
    async def within() -> Any:
        return await work(RowQueue(most_wait_ms))

    return asyncio.run(within())


async def begun(predictor: StandIn) -> None:
    """Wait until the thread has taken its first batch, which waits itself."""
    while not predictor.asked:
        await asyncio.sleep(0.001)


def soon() -> float:
    return time.monotonic() + 20


def test_what_is_asked_in_one_turn_of_the_loop_is_one_batch() -> None:
    variant, other = loaded(batch=8), loaded("nano", batch=2)

    async def work(queue: RowQueue) -> list[Any]:
        tasks = [queue.run(variant, [f"a{number}"], 1, soon(), labels) for number in range(10)]
        tasks += [queue.run(other, [f"b{number}"], 1, soon(), labels) for number in range(3)]
        return await asyncio.gather(*tasks)

    assert run(work) == [["late"]] * 13
    assert sorted(map(len, asked(variant))) == [2, 8]
    assert [text for batch in asked(variant) for text in batch] == [f"a{number}" for number in range(10)]
    assert sorted(map(len, asked(other))) == [1, 2]


def test_a_turn_of_the_loop_computes_for_a_few_milliseconds_only() -> None:
    variant = loaded(alone=INLINE_MS / 2, batch=1)
    turns = [0]

    async def count() -> None:
        while True:
            turns[0] += 1
            await asyncio.sleep(0)

    async def work(queue: RowQueue) -> None:
        counting = asyncio.create_task(count())
        await asyncio.gather(*(queue.run(variant, ["a"], 1, soon(), labels) for _ in range(20)))
        counting.cancel()

    run(work)
    assert turns[0] >= 10


@pytest.mark.parametrize("refusing", [True, False])
def test_only_a_turn_that_refused_for_long_is_followed_by_as_much_work(*, refusing: bool) -> None:
    variant = loaded(alone=INLINE_MS / 2, batch=1)
    done = list[int]()

    async def work(queue: RowQueue) -> None:
        tasks = [asyncio.create_task(queue.run(variant, ["a"], 1, soon(), labels)) for _ in range(40)]
        await asyncio.sleep(0)
        for _ in range(4):  # as long as a thousand refusals
            time.sleep(BATCH_MS / 1000)
            if refusing:
                most, queue._most_wait_ms = queue._most_wait_ms, -1.0
                assert queue.is_full(variant, 0)
                queue._most_wait_ms = most
            await asyncio.sleep(0)
            done.append(len(asked(variant)))
        await asyncio.gather(*tasks)

    run(work)
    most = max(after - before for before, after in pairwise(done))
    assert most >= 2 * BATCH_MS / INLINE_MS if refusing else most <= 3


def test_each_gets_as_many_labels_as_it_asked_for() -> None:
    variant = loaded()

    async def work(queue: RowQueue) -> Any:
        async def ask(top_k: int) -> Any:
            return await queue.run(variant, ["a"], top_k, soon(), lambda found: len(found[0].top[:top_k]))

        return await asyncio.gather(ask(1), ask(3), ask(2))

    assert run(work) == [1, 3, 2]
    assert len(asked(variant)) == 1


def test_a_long_request_is_computed_in_a_thread_and_overtaken() -> None:
    variant = loaded(alone=SLOW, predictor=(predictor := StandIn()))
    quick = loaded("nano")

    async def work(queue: RowQueue) -> None:
        long = asyncio.create_task(queue.run(variant, ["wait"], 1, soon(), labels))
        await begun(predictor)
        assert await queue.run(quick, ["a"], 1, soon(), labels) == ["late"]
        assert not long.done()
        predictor.go_on.set()
        assert await long == ["late"]

    run(work)
    assert predictor.threads == ["rows"]


def test_rows_of_waiting_requests_are_taken_in_turn() -> None:
    variant = loaded(alone=SLOW, batch=4, predictor=(predictor := StandIn()))

    async def work(queue: RowQueue) -> None:
        first = asyncio.create_task(queue.run(variant, ["wait"], 1, soon(), labels))
        await begun(predictor)
        rows = [f"bulk {number:03}" for number in range(100)]
        bulk = asyncio.create_task(queue.run(variant, rows, 1, soon(), labels))
        await asyncio.sleep(0)
        short = asyncio.create_task(queue.run(variant, ["short one"], 1, soon(), labels))
        await asyncio.sleep(0)
        predictor.go_on.set()
        assert await short == ["late"]
        assert await bulk == ["late"] * 100
        await first

    run(work)
    assert any("short one" in batch for batch in predictor.asked[1:3])
    assert sum(len(batch) for batch in predictor.asked) == 102
    assert max(map(len, predictor.asked)) <= 4


def test_a_batch_holds_texts_of_like_length_and_no_more_than_some_milliseconds() -> None:
    variant = loaded(alone=SLOW, batch=64, predictor=(predictor := StandIn()))
    texts = ["x" * length for length in (5, 900, 40, 300, 70, 5, 120, 880)]

    async def work(queue: RowQueue) -> None:
        assert await queue.run(variant, texts, 1, soon(), len) == 8

    run(work)
    assert sorted(text for batch in predictor.asked for text in batch) == sorted(texts)
    for batch in predictor.asked:
        assert max(map(len, batch)) < 64 or max(map(len, batch)) < 2 * min(map(len, batch))
        assert (len(batch) - 1) * SLOW < BATCH_MS


@pytest.mark.parametrize("alone", [0.1, SLOW])
def test_one_bad_text_hurts_nobody_else(alone: float) -> None:
    variant = loaded(alone=alone, batch=8, predictor=(predictor := StandIn()))

    async def work(queue: RowQueue) -> list[Any]:
        blocker = asyncio.create_task(queue.run(loaded("nano", SLOW, 1, predictor), ["wait"], 1, soon(), labels))
        await begun(predictor)
        tasks = [queue.run(variant, texts, 1, soon(), labels) for texts in (["a"], ["b", "bad"], ["c"])]
        together = asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.01)
        predictor.go_on.set()
        await blocker
        return await together

    first, second, third = run(work)
    assert (first, third) == (["late"], ["late"])
    assert isinstance(second, Failed)
    assert str(second) == "'int8' failed on texts[1] (ValueError)"


@pytest.mark.parametrize("alone", [0.1, SLOW])
def test_what_is_out_of_time_is_never_tokenized(alone: float) -> None:
    variant = loaded(alone=alone, predictor=(predictor := StandIn()))

    async def work(queue: RowQueue) -> None:
        first = asyncio.create_task(queue.run(loaded("nano", SLOW, 1, predictor), ["wait"], 1, soon(), labels))
        await begun(predictor)
        late = asyncio.create_task(queue.run(variant, ["late"], 1, time.monotonic() - (alone < SLOW), labels))
        await asyncio.sleep(0.05)
        predictor.go_on.set()
        await first
        with pytest.raises(TooLate, match=r"^out of time after 0 of 1 texts; send fewer texts in a request, or try"):
            await late

    run(work)
    assert predictor.asked == [["wait"]]


def test_more_than_can_be_done_in_time_is_refused_before_it_begins() -> None:
    variant = loaded(alone=10.0)

    async def work(queue: RowQueue) -> None:
        with pytest.raises(
            TooMuchAtOnce,
            match=r"^4096 texts would take 'int8' about 41\.0 s; expected what it can do in 8\.0 s: send fewer texts",
        ):
            await queue.run(variant, ["a"] * 4096, 1, time.monotonic() + 8, labels)

    run(work)
    assert asked(variant) == []


def test_too_much_ahead_is_an_overload_that_says_for_how_long() -> None:
    predictor = StandIn()
    variant = loaded(alone=600.0, predictor=predictor)

    async def work(queue: RowQueue) -> None:
        taken = [asyncio.create_task(queue.run(variant, ["wait"], 1, soon(), labels)) for _ in range(2)]
        await begun(predictor)
        with pytest.raises(
            Overloaded, match=r"^2 requests are waiting, about 1\.2 s of work before this one"
        ) as caught:
            await queue.run(variant, ["a"], 1, soon(), labels)
        assert caught.value.seconds == pytest.approx(1.2)
        # Little work waits for as much of the others as it takes itself.
        small = loaded("nano", alone=SLOW)
        quick = asyncio.create_task(queue.run(small, ["a"], 1, soon(), labels))
        predictor.go_on.set()
        await asyncio.gather(*taken, quick)

    run(work)


def test_work_is_dropped_when_nobody_waits_for_it_any_more() -> None:
    variant = loaded(alone=SLOW, batch=1, predictor=(predictor := StandIn()))

    async def work(queue: RowQueue) -> None:
        left = asyncio.Event()
        first = asyncio.create_task(queue.run(variant, ["wait"], 1, soon(), labels))
        await begun(predictor)
        dropped = asyncio.create_task(queue.run(variant, ["never"] * 50, 1, soon(), labels, None, left.wait))
        await asyncio.sleep(0.05)
        left.set()
        with pytest.raises(Disconnected):
            await dropped
        predictor.go_on.set()
        await first
        assert await queue.run(variant, ["next"], 1, soon(), labels) == ["late"]

    run(work)
    assert not any("never" in batch for batch in predictor.asked)


def test_an_answer_that_cannot_be_made_is_an_error_of_its_own_request() -> None:
    variant = loaded()

    def fail(predictions: list[Any]) -> None:
        raise RuntimeError("no answer")

    async def work(queue: RowQueue) -> list[Any]:
        tasks = [queue.run(variant, ["a"], 1, soon(), finish) for finish in (fail, labels)]
        return await asyncio.gather(*tasks, return_exceptions=True)

    failed, answered = run(work)
    assert isinstance(failed, RuntimeError)
    assert answered == ["late"]


@pytest.mark.parametrize("alone", [0.1, SLOW])
def test_times_are_told_where_they_are_asked_for(alone: float) -> None:
    variant, times = loaded(alone=alone), Times()
    run(lambda queue: queue.run(variant, ["a"], 1, soon(), labels, times))
    assert times.queue > 0 and times.encode > 0
    assert [part.split(";dur=")[0] for part in times.header().split(", ")] == ["queue", "tokenize", "infer", "encode"]


@pytest.mark.parametrize("name", ["teacher", "int8", "trimmed", "cascade"])
def test_scores_are_the_same_whoever_shares_the_batch(built: Any, name: str) -> None:
    folders = {part: built / part for part in ("teacher", "int8", "distilled_int8", "trimmed", "cascade")}
    card, predictor = load_variants(folders)[name]
    texts = ["where is my parcel", "cancel", "money back please now " * 3, "card charged twice"] * 8
    expected = [predictor.predict([text])[0] for text in texts]
    for alone in (0.01, SLOW):
        cost = measure_cost(predictor, texts, 200, 16)._replace(alone=alone, batched=alone)
        variant = Loaded(card, predictor, StartupCheck(0, 0), cost)

        async def work(queue: RowQueue, variant: Loaded = variant) -> list[Any]:
            return await asyncio.gather(
                *(queue.run(variant, [text], 1, soon(), lambda found: found[0]) for text in texts)
            )

        for given, alone_given in zip(run(work, 60_000.0), expected, strict=True):
            assert given.label == alone_given.label
            assert given.top[0][1] == pytest.approx(alone_given.top[0][1], abs=1e-5)


def test_a_request_that_is_alone_waits_for_no_turn_of_the_loop() -> None:
    variant = loaded()

    async def work() -> list[str]:
        queue = RowQueue(1000.0, lambda: True)
        running = queue.run(variant, ["a"], 1, soon(), labels)
        try:
            running.send(None)  # the first step is the last
        except StopIteration as done:
            return list(done.value)
        raise AssertionError

    assert asyncio.run(work()) == ["late"]


def test_the_thread_outlives_what_nobody_foresaw() -> None:
    slow, other = loaded(alone=SLOW), loaded("nano", alone=SLOW)
    broken = slow._replace(cost=slow.cost._replace(batch="none"))  # type: ignore[arg-type]

    async def work(queue: RowQueue) -> None:
        for _ in range(2):
            with pytest.raises(Failed, match="'int8'"):
                await queue.run(broken, ["a"], 1, soon(), labels)
            assert await queue.run(other, ["a"], 1, soon(), labels) == ["late"]
        assert not queue.is_full(other, 0)
        assert queue._waiting == 0
        assert abs(queue._long_ms) < 1e-6

    run(work)


@pytest.mark.parametrize("alone", [0.1, SLOW])
def test_too_few_predictions_are_a_failure_and_not_the_end_of_the_queue(alone: float) -> None:
    variant = loaded(alone=alone, predictor=(predictor := StandIn()))

    async def work(queue: RowQueue) -> None:
        whole, predictor.predict = predictor.predict, lambda *_: []  # type: ignore[method-assign]
        with pytest.raises(Failed):
            await queue.run(variant, ["a"], 1, soon(), labels)
        predictor.predict = whole  # type: ignore[method-assign]
        assert await queue.run(variant, ["a"], 1, soon(), labels) == ["late"]

    run(work)


def test_a_swap_mixes_no_requests_up_and_leaves_nothing_behind() -> None:
    before, after = (loaded(alone=alone) for alone in (0.1, 0.2))
    long_before, long_after = (loaded(alone=SLOW) for _ in range(2))

    async def work(queue: RowQueue) -> RowQueue:
        variants = (before, after, long_before, long_after)
        tasks = [
            queue.run(variant, [f"{number}"], 1, soon(), labels)
            for _ in range(4)
            for number, variant in enumerate(variants)
        ]
        assert await asyncio.gather(*tasks) == [["late"]] * 16
        return queue

    queue = run(work)
    for number, variant in enumerate((before, after, long_before, long_after)):
        assert {text for batch in asked(variant) for text in batch} == {f"{number}"}
    assert not queue._short
    assert not queue._long
