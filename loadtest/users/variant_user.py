"""What every Locust user of ours does: draw a request, send it, judge the answer, tell Locust (importing this imports
Locust, which patches sockets).
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from time import perf_counter_ns
from typing import Any, NoReturn

import gevent
from locust import User
from locust.env import Environment
from locust.exception import StopTest, StopUser

from loadtest.ask.answer import DROPPED, LATE, Verdict, judge
from loadtest.ask.corpus import Question
from loadtest.ask.traffic import Traffic, mix
from loadtest.errors import LoadTestError
from loadtest.users.address import Address, post
from loadtest.users.connection import Connection, Dropped, Late

BREATH = 0.05  # seconds before a service that dropped a connection is asked again


class WrongAnswer(Exception):
    """What Locust's own statistics show of a failure: its kind, so that a thousand of them are one line."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, ready to be sent, and what its answer is judged by."""

    variant: str
    questions: list[Question]
    request: bytes


@dataclass(frozen=True, slots=True)
class Start:
    """When a request of an open loop was meant to start, by how much that was missed, and whether it was for want of a
    connection.
    """

    intended: int
    late_ns: int
    waited: bool


class VariantUser(User):  # type: ignore[misc]
    """Asks one variant, or a mix, and checks every answer; what to ask comes from the options."""

    abstract = True

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        runner = environment.runner
        self.number = f"{getattr(runner, 'worker_index', 0)}.{runner.user_count}" if runner else "0"

    def on_start(self) -> None:
        """Read the options, which the web page may have changed since the last start."""
        options: Any = self.environment.parsed_options
        self.seed = f"{options.corpus_seed}.{self.number}"
        try:
            traffic = Traffic(options.corpus, options.texts_file, options.lengths, not options.no_labels)
            weights = mix(options.mix) if options.mix else {options.variant: 1.0}
            self._questions: Iterator[Question] = traffic.order(list(weights), self.seed)
            self.address = Address.parse(str(self.host))
        except LoadTestError as error:
            raise StopTest(str(error)) from error
        self._variants, self._weights = list(weights), list(weights.values())
        self._drawn = random.Random(f"mix {self.seed}")
        self._versions: dict[str, str] = (
            {} if options.mix or not options.variant_version else {options.variant: options.variant_version}
        )
        self._texts: int = options.texts_per_request
        self.timeout: float = options.answer_timeout

    def connect(self) -> Connection:
        """Return a connection that opens itself when it is first used."""
        return Connection(self.address, self.timeout)

    def draw(self) -> Asked:
        """Prepare the next request while no clock runs."""
        variant = (
            self._variants[0] if len(self._variants) == 1 else self._drawn.choices(self._variants, self._weights)[0]
        )
        questions = list(islice(self._questions, self._texts))
        body = json.dumps({"texts": [question.text for question in questions], "top_k": 1}).encode("ascii")
        return Asked(variant, questions, post(self.address, f"/{variant}/predict", body))

    def send(self, connection: Connection, asked: Asked, start: Start | None = None) -> None:
        """Send a request and judge its answer. The clock runs from the intended start, or else the first byte sent, to
        the last byte read.
        """
        length = 0
        began = start.intended if start else perf_counter_ns()
        try:
            status, body = connection.ask(asked.request)
            nanoseconds = perf_counter_ns() - began
        except Late as error:
            nanoseconds = perf_counter_ns() - began
            verdict = Verdict(LATE, str(error))
        except Dropped as error:
            nanoseconds = perf_counter_ns() - began
            verdict = Verdict(DROPPED, str(error))
            gevent.sleep(BREATH)
        except LoadTestError as error:  # the generator's own fault, which is in no figure of the service
            self.give_up(error)
        else:
            length = len(body)
            expected = [question.expected.get(asked.variant) for question in asked.questions]
            verdict = judge(status, body, asked.variant, self._versions.get(asked.variant), expected)
            if verdict.failure is None and nanoseconds > self.timeout * 1e9:
                verdict = Verdict(LATE, f"the answer took {nanoseconds / 1e9:.3f} s")
        self.tell(asked, verdict, began, nanoseconds, start, length)

    def give_up(self, error: LoadTestError) -> NoReturn:
        """End this user, and let Locust tell the run why, or the master whose worker this is: the sentence, without a
        traceback.
        """
        self.environment.events.user_error.fire(user_instance=self, exception=error, tb=None)
        raise StopUser from error

    def tell(
        self, asked: Asked, verdict: Verdict, began: int, nanoseconds: int, start: Start | None, length: int = 0
    ) -> None:
        """Tell Locust, and through it the recorder."""
        detail = f"'{asked.questions[0].text[:60]}': {verdict.detail}" if verdict.detail else ""
        self.environment.events.request.fire(
            request_type="POST",
            name=f"/{asked.variant}/predict",
            response_time=nanoseconds
            / 1e6,  # Locust counts in ms, and rounds; the recorder takes the whole figure from the context
            response_length=length,
            exception=WrongAnswer(verdict.failure) if verdict.failure else None,
            context={
                "variant": asked.variant,
                "began": began,
                "nanoseconds": nanoseconds,
                "verdict": verdict,
                "detail": detail,
                "texts": len(asked.questions),
                "start": start,
                "user": self.number,
            },
        )
