"""What is refused before it is read: requests to paths whose queue is full for texts as long as theirs seem by the size
of their body.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence

from service.routes.refused import Refused
from service.serving.request_ids import request_id

MOST_PATHS = 256  # of which there are as many as a variant's path can be written in ways
UNSEEN_S = 0.03  # a request that was let through is in the queue by then
Headers = Sequence[tuple[bytes, bytes]]


class Refusal:
    """The answer that a path's requests get while its queue is full."""

    def __init__(
        self,
        refused: Refused,
        is_full: Callable[[int, int], bool],
        note: Callable[[float], None],
        characters_a_byte: float = 0.0,
    ) -> None:
        """`is_full` tells whether a queue to which so many requests more are under way is full for a text of so many
        characters, of which the body that was refused had `characters_a_byte`; `note` counts an answer and the
        seconds that it took.
        """
        self.characters_a_byte = characters_a_byte
        self._body, self._note, self._is_full = refused.body, note, is_full
        fields = "".join(f"{name.lower()}: {value}\r\n" for name, value in refused.headers.items())
        self._head = (
            f"HTTP/1.1 {refused.status} Too Many Requests\r\ncontent-type: application/json\r\n"
            f"content-length: {len(self._body)}\r\n{fields}x-request-id: "
        ).encode("latin-1")
        self._under_way = deque[float]()  # when each was let through

    def holds(self, size: int = 0) -> bool:
        """Tell whether the next request, with a body of so many bytes, is to be refused; one that is not is on its way
        to the queue.
        """
        now = time.monotonic()
        while self._under_way and self._under_way[0] < now - UNSEEN_S:
            self._under_way.popleft()
        if self._is_full(len(self._under_way), int(size * self.characters_a_byte)):
            return True
        self._under_way.append(now)
        return False

    def answer(self, headers: Headers, keep: bool, began: float) -> bytes:
        """Return the bytes of the answer to a request with these headers, read at `began`, a time.monotonic(), and
        count it.
        """
        given = next((value for name, value in headers if name == b"x-request-id"), b"")
        id = request_id(given.decode("latin-1")).encode()
        close = b"" if keep else b"\r\nconnection: close"
        self._note(time.monotonic() - began)
        return b"".join((self._head, id, close, b"\r\n\r\n", self._body))


class Refusals:
    """The paths that have been refused something."""

    def __init__(self) -> None:
        self._by_path: dict[bytes, Refusal] = {}

    def add(self, path: bytes, refusal: Refusal) -> None:
        """Refuse a path's requests so from now on; the one known longest makes room."""
        known = self._by_path.setdefault(path, refusal)
        known.characters_a_byte = refusal.characters_a_byte
        if known is refusal and len(self._by_path) > MOST_PATHS:
            del self._by_path[next(iter(self._by_path))]

    def find(self, path: bytes, headers: Headers = ()) -> Refusal | None:
        """Return the refusal that the next request to a path gets, with these headers, if it is to be refused."""
        found = self._by_path.get(path) if self._by_path else None
        if found is None:
            return None
        size = next((value for name, value in headers if name == b"content-length"), b"")
        return found if found.holds(int(size) if size.isdigit() else 0) else None
