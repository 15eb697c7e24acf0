"""A server with the labels of a corpus, as a process of its own: `python canned.py PORT CORPUS [wrong|refusing|short]`.

A wrong one gives every text the same label, a refusing one answers every third request with 503, a short one leaves the
last label out. GET gives, and forgets, the bodies that were asked and from how many connections.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

port, corpus, *kinds = sys.argv[1:]
rows = [json.loads(line) for line in Path(corpus).read_text(encoding="utf-8").splitlines()]
labels = {row["text"]: row["label"] for row in rows}
asked: list[str] = []
clients: set[Any] = set()
answered = [0]  # of all that were asked


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked.append(body.decode())
        answered[0] += 1
        clients.add(self.client_address)
        found = [labels[text] for text in json.loads(body)["texts"]]
        found = [rows[0]["label"]] * len(found) if "wrong" in kinds else found[: -1 if "short" in kinds else None]
        answer = {"predictions": [{"label": label, "score": 0.5} for label in found]}
        self.answer(answer, 503 if "refusing" in kinds and len(asked) % 3 == 0 else 200)

    def do_GET(self) -> None:
        if self.path == "/metrics":
            self.answer({}, body=f'bonsai_requests_total{{status="200",version="1"}} {answered[0]}.0\n'.encode())
            return
        self.answer({"asked": asked, "connections": len(clients)})
        asked.clear()
        clients.clear()

    def answer(self, content: Any, status: int = 200, body: bytes = b"") -> None:
        body = body or json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if self.headers.get("Connection", "").lower() == "close":
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


ThreadingHTTPServer.request_queue_size = 128  # connections at once that nobody accepted yet
ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
