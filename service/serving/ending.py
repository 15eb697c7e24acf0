"""How a worker ends: it goes unready, answers on for some time with `Connection: close`, finishes, and is gone.

uvicorn closes idle connections at once, and a request that is on its way on one of them is lost with it. But a balancer
sends requests until it has learned that this service ends, and a client until it is told to open another connection.
"""

import asyncio
import signal
import socket
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import ClassVar

import uvicorn

from service.experiments.companion import end_with_parent
from service.serving.connection import most_connections
from service.serving.protocol import Protocol, connect

LAST_S = 1.0  # for the first request of a connection that was accepted as the last, and before for its TLS
TURN_S = 0.05


class Server(uvicorn.Server):
    """A worker's server."""

    drain_s: ClassVar[float] = 0.0
    _drains = False
    _sockets: list[socket.socket] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End: after the drain on SIGTERM, and without it on SIGINT, which a person sends who waits.

        A second SIGTERM changes nothing: where all processes of a group are sent one, the supervisor sends another.
        """
        if sig == signal.SIGINT:
            self._drains = False
        elif not self.should_exit:
            self._drains = True
        self.should_exit = True  # uvicorn would raise the signal again in the end, and the exit code would not be 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, for as many connections as what the process has opened by now leaves files for."""
        self._sockets = sockets
        await super().startup(sockets)
        Protocol.most = most_connections()

    async def main_loop(self) -> None:
        """Serve until a signal comes, and then for as long as somebody may not know of it."""
        await super().main_loop()
        if self._drains:
            Protocol.draining = True
            await self._wait(self.drain_s)
            await self._stop_accepting()
            await self._wait(LAST_S)

    async def _wait(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while self._drains and loop.time() < until and (self.servers or self.server_state.connections):
            await asyncio.sleep(TURN_S)
            await self.on_tick(0)  # answers say the date

    async def _stop_accepting(self) -> None:
        """Close the socket that connections come to, after those that wait in it, which would be reset, are taken."""
        for server in self.servers:
            server.close()
        self.servers = []
        await asyncio.sleep(0)  # uvloop closes in the next turn
        for each in self._sockets or []:
            each.close()
        make: Callable[[], asyncio.Protocol] = partial(
            self.config.http_protocol_class,  # type: ignore[call-arg]  # which has no type for what it is made of
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        waits = Protocol.stop_listening()
        await asyncio.gather(*(connect(make, waiting, self.config.ssl, handshake_s=LAST_S) for waiting in waits))


def use(drain_s: float) -> None:
    """Let the server of this process end so, also when its supervisor was killed, whose port it would hold; BentoML's
    worker looks it up when it starts.
    """
    end_with_parent()
    Server.drain_s = drain_s
    uvicorn.Server = Server  # type: ignore[misc]
