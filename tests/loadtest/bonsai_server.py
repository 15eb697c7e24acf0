"""A server process that keeps the service's contract, or breaks it in the way that its knobs say: what the load test is
tested against.

    python bonsai_server.py '{"delay": 0.001, "wrong": {"int8": 3}}'

It prints its port and serves until it is ended. Knobs, all optional; "every n" counts a variant's requests:

    delay         seconds before each answer, or {variant: seconds}
    stall         {variant: [n, seconds]}: so much longer for every n-th answer
    one_at_a_time true: requests wait for each other
    wrong         {variant: n}: another label every n
    status        {variant: [n, code]}: that status every n
    off_schema    {variant: n}: an answer without predictions every n
    garbage       {variant: n}: bytes that are no HTTP every n
    flips         {variant: n}: another label for the first text of every n-th request of several texts
    close         n: the connection is closed after every n-th answer, as its header says
    chunked       true: answers in chunks
    trickle       seconds between the bytes of an answer
    versions      {variant: version} in answers, when it is not the card's
    die_after     n: the process ends at the n-th prediction
    cards         GET /variants answers this instead
    login         user:password without which every answer is a 401
    moved         a status to answer GET /variants with
    certificate   PEM file of a certificate and its key: HTTPS
"""

import asyncio
import json
import os
import ssl
import sys
from base64 import b64encode
from collections import Counter
from typing import Any

LABELS = ("track_order", "cancel_order", "refund")
TEXTS = [(f"text number {number} about {LABELS[number % 3]}", LABELS[number % 3]) for number in range(30)]
VARIANTS = ("teacher", "int8", "tiny")
EXPECTED = dict(TEXTS)


def card(name: str, place: int) -> dict[str, Any]:
    """Return a card that says what the contract says."""
    accuracy = 0.93 - 0.01 * place
    return {
        "name": name,
        "version": f"{place:012x}",
        "kind": "variant" if place else "teacher",
        "passes": [{"quantize": {}}] if place else [],
        "parameters": {"all": 1000, "encoder": 500},
        "bytes": 90_000_000 // (1 + 3 * place),
        "accuracy": {"value": accuracy, "low": accuracy - 0.01, "high": accuracy + 0.01},
        "macro_f1": {"value": accuracy, "low": accuracy - 0.01, "high": accuracy + 0.01},
        "agreement": 1.0,
        "dataset": {"name": "thirty texts"},
        "max_tokens": 64,
    }


class Server:
    """The knobs and what was asked so far."""

    def __init__(self, knobs: dict[str, Any]) -> None:
        self.knobs = knobs
        self.cards = {name: card(name, place) for place, name in enumerate(VARIANTS)}
        self.asked: Counter[str] = Counter()
        self.answered = 0
        self.turn = asyncio.Semaphore(1 if knobs.get("one_at_a_time") else 1000)

    def every(self, knob: str, variant: str) -> bool:
        given = self.knobs.get(knob, {}).get(variant)
        n = given[0] if isinstance(given, list) else given
        return bool(n) and self.asked[variant] % n == 0

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """Return status and answer; None for bytes that are no HTTP."""
        if method == "GET" and path == "/variants":
            return self.knobs.get("moved", 200), self.knobs.get("cards", {"variants": list(self.cards.values())})
        if method == "GET" and path == "/livez":
            return 200, {}
        variant = path.strip("/").removesuffix("/predict")
        if method != "POST" or variant not in self.cards:
            return 404, {"error": f"nothing at {path}; expected one of {', '.join(self.cards)}"}
        self.asked[variant] += 1
        if sum(self.asked.values()) == self.knobs.get("die_after"):
            os._exit(3)
        texts = json.loads(body)["texts"]
        if self.every("garbage", variant):
            return 0, None
        if self.every("status", variant):
            return self.knobs["status"][variant][1], {"error": "as told"}
        if self.every("off_schema", variant):
            return 200, {"variant": variant}
        labels = [EXPECTED.get(text, LABELS[0]) for text in texts]
        if self.every("wrong", variant) or (len(texts) > 1 and self.every("flips", variant)):
            labels[0] = "something_else"
        return 200, {
            "variant": variant,
            "version": self.knobs.get("versions", {}).get(variant, self.cards[variant]["version"]),
            "request_id": "0" * 32,
            "predictions": [{"label": label, "score": 0.9, "truncated": False} for label in labels],
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, path, _ = head.split(b"\r\n")[0].decode().split()
                lengths = [
                    int(line.split(b":")[1])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length:")
                ]
                login = b64encode(self.knobs.get("login", "").encode())
                allowed = b"\r\nAuthorization: Basic %s\r\n" % login in head or "login" not in self.knobs
                status, content = self.answer(method, path, await reader.readexactly(lengths[0] if lengths else 0))
                if not allowed:
                    status, content = 401, {"error": "who is there?"}
                delay = self.knobs.get("delay", 0)
                if isinstance(delay, dict):
                    delay = delay.get(path.split("/")[1], 0)
                if self.every("stall", variant := path.split("/")[1]):
                    delay += self.knobs["stall"][variant][1]
                if delay:
                    async with self.turn:
                        await asyncio.sleep(delay)
                self.answered += 1
                last = bool(self.knobs.get("close")) and self.answered % self.knobs["close"] == 0
                await self.write(writer, status, content, last)
                if last or content is None:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def write(self, writer: asyncio.StreamWriter, status: int, content: Any, last: bool) -> None:
        if content is None:
            writer.write(b"SMTP ready\r\n\r\n")
            return
        body = json.dumps(content).encode()
        head = f"HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\n" + (
            "Connection: close\r\n" if last else ""
        )
        if self.knobs.get("chunked"):
            middle = len(body) // 2
            parts = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:middle], body[middle:], b""))
            answer = head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + parts
        else:
            answer = head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body
        if pause := self.knobs.get("trickle"):
            for place in range(len(answer)):
                writer.write(answer[place : place + 1])
                await writer.drain()
                await asyncio.sleep(pause)
        else:
            writer.write(answer)


async def main(knobs: dict[str, Any]) -> None:
    """Serve on a free port, which is printed."""
    secure = None
    if "certificate" in knobs:
        secure = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        secure.load_cert_chain(knobs["certificate"])
    server = await asyncio.start_server(Server(knobs).serve, "127.0.0.1", 0, ssl=secure)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}))
