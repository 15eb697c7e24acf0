"""Listens to Locust's events and keeps exact figures by variant, in the window between the warm-up and the end of a
measurement.
"""

import gc
import time
from typing import Any

import gevent
from locust.env import Environment

from loadtest.ask.answer import Verdict
from loadtest.numbers.recording import Generator, Measurement, Recording
from loadtest.users.alarm import Alarm
from loadtest.users.variant_user import Start

FOR_EVER = 1 << 62


class Recorder:
    """The recordings of the current or last test; a new test begins new ones.

    An answer belongs to the window in which its request began, or was meant to begin, however late it comes: else a
    stall that outlasts the window would leave no trace (coordinated omission).
    """

    def __init__(self, environment: Environment) -> None:
        self.recordings: dict[str, Recording] = {}
        self.generator = Generator()
        self._environment = environment
        self._opens, self._closes = FOR_EVER, FOR_EVER
        self._stopwatch: gevent.Greenlet | None = None
        environment.events.request.add_listener(self._hear)
        environment.events.test_start.add_listener(self._start)
        environment.events.test_stop.add_listener(self._stop)

    def measurements(self) -> dict[str, Measurement]:
        """Return what result.json keeps of each variant."""
        return {name: recording.measurement(self.generator) for name, recording in self.recordings.items()}

    def _start(self, **_: Any) -> None:
        options: Any = self._environment.parsed_options
        self.recordings, self.generator = {}, Generator()
        self._closes = FOR_EVER
        if options.window:
            gc.collect()
            gc.disable()  # a full collection in the middle would be measured as the service's
        self._opens = time.perf_counter_ns() + round(options.warm_up * 1e9)
        if options.window:
            self._closes = self._opens + round(options.window * 1e9)
            self._stopwatch = gevent.spawn(self._time_cpu, options.warm_up, options.window)

    def _stop(self, **_: Any) -> None:
        gc.enable()
        if self._stopwatch is not None:
            self._stopwatch.kill()
            self._stopwatch = None

    def _time_cpu(self, warm_up: float, window: float) -> None:
        gevent.sleep(warm_up)
        wall, cpu, turning = time.perf_counter(), time.process_time(), Alarm.turning_ns
        try:
            gevent.sleep(window)
        finally:  # at its end, or a little before when the stop came first
            wall, cpu, turning = time.perf_counter() - wall, time.process_time() - cpu, Alarm.turning_ns - turning
            # Turns of the event loop in which an open loop waits for its next start are not work.
            self.generator = Generator(cpu_share=round(max(cpu - turning / 1e9, 0.0) / wall, 4))

    def _hear(self, context: dict[str, Any], **_: Any) -> None:
        if "verdict" not in context:
            return
        start: Start | None = context["start"]
        if not self._opens <= context["began"] < self._closes:
            return
        recording = self.recordings.get(context["variant"])
        if recording is None:
            recording = self.recordings[context["variant"]] = Recording()
        verdict: Verdict = context["verdict"]
        if start:
            recording.start(start.late_ns, waited=start.waited)
        recording.add(
            context["nanoseconds"],
            verdict.failure,
            context["detail"],
            texts=context["texts"],
            batch_flips=verdict.batch_flips,
            moment=context["began"] + context["nanoseconds"],
            user=context["user"],
        )
