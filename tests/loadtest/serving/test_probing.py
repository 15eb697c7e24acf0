"""What is asked beside a load is asked when it is due, and has a status, or none."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from loadtest.serving import probing
from loadtest.serving.probing import NO_ANSWER, Address, probe


async def served(answer: bytes | None, then: Callable[[Address], object]) -> object:
    """Give the address of a server that answers so, or hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await reader.readuntil(b"\r\n\r\n")
            if answer is not None:
                writer.write(answer)
                await writer.drain()
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        return await then(Address("127.0.0.1", server.sockets[0].getsockname()[1], "/nano/predict"))  # type: ignore[misc]


@pytest.mark.parametrize(("answer", "status"), [(b"HTTP/1.1 429 Too Many\r\n\r\n", 429), (None, NO_ANSWER)])
def test_all_are_asked_as_often_as_they_are_to_be(answer: bytes | None, status: int) -> None:
    began = time.monotonic()
    found = asyncio.run(served(answer, lambda address: probe(address, 0.4, "{}")))
    assert isinstance(found, dict)
    assert {what: len(probes) for what, probes in found.items()} == {"predict": 16, "livez": 8, "metrics": 4}
    assert {given for probes in found.values() for given, _ in probes} == {status}
    longest = max(ms for probes in found.values() for _, ms in probes)
    assert 0 < longest <= 1000 * (time.monotonic() - began)


def test_a_process_of_its_own_prints_what_it_found() -> None:
    found = probing.finish(probing.start("http://127.0.0.1:1/nano/predict", 0.1, "{}"))
    assert {status for status, _ in found["livez"]} == {NO_ANSWER}
