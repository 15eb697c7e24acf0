"""The body of a request, read up to the limit; and how much of all bodies together is held."""

from collections.abc import Sequence

from starlette.types import Receive

from service.routes.refused import Refused
from service.serving.settings import MAX_BODIES, MAX_BODY, MAX_DRAINED
from service.variants.errors import Disconnected


class Bodies:
    """The bodies that a worker holds, in bytes."""

    def __init__(self) -> None:
        self._held = 0

    def hold(self, size: int) -> None:
        """Count so many bytes more (Refused 429 beyond the limit)."""
        if size > 0 and self._held + size > MAX_BODIES:
            raise Refused(
                429,
                f"the bodies of other requests hold {self._held >> 20} MiB; expected {MAX_BODIES >> 20} MiB at the "
                "most: try again later",
                Retry_After="1",
            )
        self._held += size


def too_large() -> Refused:
    """Return the refusal of a body beyond the limit."""
    return Refused(
        413,
        f"the body is larger than {MAX_BODY // 2**20} MiB; expected at most that: send the texts in several requests",
    )


async def read_body(
    receive: Receive, headers: dict[bytes, str], media_types: Sequence[str], bodies: Bodies, held: list[int]
) -> bytes:
    """Return the whole body (Refused 413 beyond the limit, 415 for another media type than these, 429 where other
    bodies leave no room; Disconnected).

    What it counts as held is added to `held`; the caller lets go of it.
    """
    refusal = None
    media_type = headers.get(b"content-type", "").split(";")[0].strip().lower()
    if media_type not in media_types:
        expected = " or ".join(each for each in media_types if each)
        refusal = Refused(415, f"the content type is '{media_type[:64]}'; expected {expected}")
    elif headers.get(b"content-encoding", "").lower() not in ("", "identity"):
        refusal = Refused(415, f"the content encoding is '{headers[b'content-encoding'][:64]}'; expected none")
    if refusal is not None and headers.get(b"expect", "").lower() == "100-continue":
        raise refusal  # a client that asks first does not send what is refused anyway
    chunks, size, more = list[bytes](), 0, True
    while more and size <= MAX_DRAINED:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected("the connection was closed before the body was complete")
        chunk = message.get("body", b"")
        size += len(chunk)
        if refusal is None and size <= MAX_BODY:
            try:
                bodies.hold(len(chunk))
            except Refused as full:
                refusal = full
            else:
                held[0] += len(chunk)
                chunks.append(chunk)
        more = message.get("more_body", False)
    if refusal is None and size > MAX_BODY:
        refusal = too_large()
    if refusal is not None:
        raise refusal
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
