"""The Locust user that asks one variant, and the recorder that hears what it was told (importing this imports Locust, which patches sockets)."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import gevent
from locust import User, task
from locust.env import Environment
from locust.event import Events
from locust.exception import StopTest

from loadtest.answer import DROPPED, LATE, Verdict, judge
from loadtest.connection import Address, Connection, Dropped, Late, post
from loadtest.corpus import Question, check_expected, read_corpus, shuffled
from loadtest.errors import LoadTestError
from loadtest.recording import Recording

BREATH = 0.05  # seconds before a service that dropped a connection is asked again


class WrongAnswer(Exception):
    """What Locust's own statistics show of a failure: its kind, so that a thousand of them are one line."""


class VariantUser(User):  # type: ignore[misc]
    """Asks one variant, one request after another, and checks every answer; the variant and the rest come from the options."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        runner = environment.runner
        self._number = f"{getattr(runner, 'worker_index', 0)}.{runner.user_count}" if runner else "0"

    def on_start(self) -> None:
        """Read the options, which the web page may have changed since the last start."""
        options: Any = self.environment.parsed_options
        path = Path(options.corpus)
        try:
            corpus = read_corpus(path)
            check_expected(corpus, [options.variant], path)
            self._address = Address.parse(str(self.host))
        except LoadTestError as error:
            raise StopTest(str(error)) from error
        self._variant: str = options.variant
        self._version: str | None = options.variant_version or None
        self._texts: int = options.texts_per_request
        self._timeout: float = options.answer_timeout
        self._path = f"/{self._variant}/predict"
        self._questions: Iterator[Question] = shuffled(corpus, f"{options.corpus_seed}.{self._number}")
        self._connection = Connection(self._address, self._timeout)

    def on_stop(self) -> None:
        """Close the connection."""
        self._connection.close()

    @task  # type: ignore[untyped-decorator]
    def ask(self) -> None:
        """Send the next texts. The clock runs from the first byte sent to the last byte read; building and checking are outside."""
        asked = list(islice(self._questions, self._texts))
        request = post(self._address, self._path, json.dumps({"texts": [question.text for question in asked], "top_k": 1}).encode("ascii"))
        length = 0
        started = perf_counter_ns()
        try:
            status, body = self._connection.ask(request)
            nanoseconds = perf_counter_ns() - started
        except Late as error:
            nanoseconds = perf_counter_ns() - started
            verdict = Verdict(LATE, str(error))
        except Dropped as error:
            nanoseconds = perf_counter_ns() - started
            verdict = Verdict(DROPPED, str(error))
            gevent.sleep(BREATH)
        else:
            length = len(body)
            verdict = judge(status, body, self._variant, self._version, [question.expected[self._variant] for question in asked])
            if verdict.failure is None and nanoseconds > self._timeout * 1e9:
                verdict = Verdict(LATE, f"the answer took {nanoseconds / 1e9:.3f} s")
        detail = f"'{asked[0].text[:60]}': {verdict.detail}" if verdict.detail else ""
        self.environment.events.request.fire(
            request_type="POST",
            name=self._path,
            response_time=nanoseconds / 1e6,  # Locust counts in ms, and rounds; the recorder takes the whole figure from the context
            response_length=length,
            exception=WrongAnswer(verdict.failure) if verdict.failure else None,
            context={"nanoseconds": nanoseconds, "verdict": verdict, "detail": detail, "texts": self._texts},
        )


class Recorder:
    """Listens to Locust's request event and keeps exact times, while it is open."""

    def __init__(self, events: Events) -> None:
        self.recording: Recording | None = None
        events.request.add_listener(self._hear)

    def open(self) -> Recording:
        """Record from now on, into a new recording."""
        self.recording = Recording()
        return self.recording

    def close(self) -> None:
        """Record nothing more."""
        self.recording = None

    def _hear(self, context: dict[str, Any], **_: Any) -> None:
        if self.recording is not None and "verdict" in context:
            verdict: Verdict = context["verdict"]
            self.recording.add(context["nanoseconds"], verdict.failure, context["detail"], texts=context["texts"], batch_flips=verdict.batch_flips)
