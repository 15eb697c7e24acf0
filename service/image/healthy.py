"""The image's health check: ends with 0 when the service inside is ready; a script, for it runs every few seconds."""

import http.client
import os

prefix = os.environ.get("BONSAI_PATH_PREFIX", "").rstrip("/")
connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("BENTOML_PORT") or 3000), timeout=2)
try:
    connection.request("GET", f"{prefix}/readyz")
    raise SystemExit(int(connection.getresponse().status != 200))
except OSError:
    raise SystemExit(1) from None
