"""The open loop: requests start when a Poisson process says so, not when the last answer came, so that a slow service
cannot slow its own test.

One sender after another holds the baton: it waits for the next intended start, hands the baton to an idle sender (or a
new one), sends, and reads its answer. When every connection waits for an answer the baton lies until one comes; the
starts missed meanwhile still count from when they were intended.
"""

from time import perf_counter_ns
from typing import Any

import gevent
from gevent.pool import Group
from locust import task
from locust.exception import StopUser
from locust.user.users import LOCUST_STATE_STOPPING

from loadtest.ask.answer import LATE, Verdict
from loadtest.ask.arrivals import MOST_CONNECTIONS, Bursts, arrivals
from loadtest.users.alarm import Alarm
from loadtest.users.connection import Connection
from loadtest.users.variant_user import Asked, Start, VariantUser

SLOW_CONNECT_NS = 1_000_000
NEVER_SENT = Verdict(LATE, f"never sent: all {MOST_CONNECTIONS} connections waited for answers until the end")


class OpenLoopUser(VariantUser):
    """Starts `--rate` requests a second on average; N users are N independent sources, so their rates add up, on
    however many workers they run.
    """

    def on_start(self) -> None:
        """Prepare the schedule."""
        super().on_start()
        options = self.environment.parsed_options
        self._starts = arrivals(options.rate, self.seed, Bursts.parse(options.bursts))
        self._senders: Group = Group()
        self._idle: list[Any] = []  # greenlets
        self._baton_lies = False
        self._gave_up = False
        self._free_since = self._accepted_at = self._stopped_at = 0
        self._alarm = Alarm()

    @task  # type: ignore[untyped-decorator]
    def offer(self) -> None:
        """Send until the test stops, then wait for the answers that are out."""
        self._origin = perf_counter_ns() + 1_000_000
        self.next_start = self._draw_start()
        self._senders.spawn(self._sender)
        self._senders.join(raise_error=True)
        if self._gave_up:
            raise StopUser

    def stop(self, force: bool = False) -> bool:
        """Note when Locust asked us to stop."""
        self._stopped_at = perf_counter_ns()
        return bool(super().stop(force))

    def on_stop(self) -> None:
        """End what a hard stop left."""
        self._senders.kill()
        self._alarm.close()

    def _sender(self) -> None:
        connection = self.connect()
        try:
            while True:
                asked = self.draw()
                self._refresh(connection)
                while not (over := self._over()) and not self._alarm.wait(self.next_start):
                    self._refresh(connection)
                if over:
                    self._end(asked)
                    return
                start = Start(
                    self.next_start,
                    perf_counter_ns() - self.next_start,
                    self.next_start < max(self._free_since, self._accepted_at),
                )
                self.next_start = self._draw_start()
                self._pass_baton()
                self.send(connection, asked, start)
                if self._baton_lies:
                    self._baton_lies, self._free_since = (
                        False,
                        perf_counter_ns(),
                    )  # what was due before waited for this answer
                    continue
                if self._stopping() or self._gave_up:
                    return
                self._idle.append(gevent.getcurrent())
                gevent.get_hub().switch()  # until the baton comes
        except StopUser:
            self._gave_up = True
        finally:
            connection.close()

    def _refresh(self, connection: Connection) -> None:
        started = perf_counter_ns()
        connection.refresh()
        now = perf_counter_ns()
        if now - started > SLOW_CONNECT_NS:
            self._accepted_at = now  # the service was slow to accept, the generator was not late

    def _pass_baton(self) -> None:
        if self._idle:
            gevent.get_hub().loop.run_callback(
                self._idle.pop().switch
            )  # the last one that became idle: its connection is the freshest
        elif len(self._senders) < MOST_CONNECTIONS:
            self._senders.spawn(self._sender)
        else:
            self._baton_lies = True

    def _end(self, asked: Asked) -> None:
        """Count the starts that were due and never made, and let the idle senders go."""
        now = perf_counter_ns()
        while self.next_start <= self._stopped_at:
            # Its answer would have come later than now: counted at the time waited alone, it would make the percentiles
            # look better than they were.
            least = max(now - self.next_start, round(self.timeout * 1e9))
            self.tell(asked, NEVER_SENT, self.next_start, least, Start(self.next_start, 0, True))
            self.next_start = self._draw_start()
        while self._idle:
            gevent.get_hub().loop.run_callback(self._idle.pop().switch)

    def _over(self) -> bool:
        """Say whether to start no more: after the stop, only what was due before it and did not have to wait for a
        connection.
        """
        return self._gave_up or (self._stopping() and not self._free_since <= self.next_start <= self._stopped_at)

    def _stopping(self) -> bool:
        return self._state == LOCUST_STATE_STOPPING  # type: ignore[no-any-return]

    def _draw_start(self) -> int:
        return self._origin + round(next(self._starts) * 1e9)
