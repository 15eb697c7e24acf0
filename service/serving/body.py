"""The body of a request, read up to the limit."""

from starlette.types import Receive

from service.routes.refused import Refused
from service.serving.settings import MAX_BODY, MAX_DRAINED

JSON_TYPES = ("application/json", "")


async def read_body(receive: Receive, headers: dict[bytes, str]) -> bytes:
    """Return the whole body (Refused 413 beyond the limit, 415 for anything but plain JSON, 400 when the client went
    away).
    """
    refusal = None
    media_type = headers.get(b"content-type", "").split(";")[0].strip().lower()
    if media_type not in JSON_TYPES:
        refusal = Refused(415, f"the content type is '{media_type[:64]}'; expected application/json")
    elif headers.get(b"content-encoding", "identity") != "identity":
        refusal = Refused(415, f"the content encoding is '{headers[b'content-encoding'][:64]}'; expected none")
    chunks, size, more = [], 0, True
    while more and size <= MAX_DRAINED:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "the connection was closed before the body was complete")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= MAX_BODY and refusal is None:
            chunks.append(chunk)
        more = message.get("more_body", False)
    if refusal is None and size > MAX_BODY:
        refusal = Refused(
            413,
            f"the body is larger than {MAX_BODY // 2**20} MiB; expected at most that: send the texts in several "
            "requests",
        )
    if refusal is not None:
        raise refusal
    return b"".join(chunks)
