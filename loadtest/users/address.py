"""Where the service listens, and the bytes of a request to it."""

import re
from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from loadtest.errors import LoadTestError

HOST = re.compile(r"[\w.-]+|[0-9a-f:.]+(%[\w.%-]+)?")  # a name, or an address of IPv4 or IPv6
BARE = re.compile(r"(https?://)?[0-9a-f.]*:[0-9a-f.]*:[0-9a-f:.]*(/.*)?", re.IGNORECASE)  # of IPv6 without brackets


@dataclass(frozen=True, slots=True)
class Address:
    """Where the service listens; `prefix` is the path before the routes, mostly empty, and `login` is user:password,
    which nothing shows or keeps.
    """

    host: str
    port: int
    prefix: str = ""
    tls: bool = False
    login: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Read what --host was given."""
        shown = url if "@" not in url else f"…@{url.rpartition('@')[2]}"  # no password on a screen or in a log
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            port = {"http": 80, "https": 443}[parts.scheme] if parts.port is None else parts.port
            (parts.hostname or "").encode("idna")  # what a socket does with it: a ValueError of its own
            if "@" in parts.netloc and "://" not in url:
                raise ValueError  # mailto:a@b looks like a login at a host
        except (ValueError, KeyError) as error:
            why = f"its scheme is {error}" if isinstance(error, KeyError) else str(error)
            if "@" in url:  # the reason may quote a piece of the password
                why = "a login has http:// before it, and signs like / ? # in a password stand as %2F %3F %23"
            elif BARE.fullmatch(url):
                why = "one of IPv6 stands in brackets, as in http://[::1]:3000"
            raise LoadTestError(
                f"host '{shown}' is no address ({why}); expected one like http://localhost:3000"
            ) from error
        login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}" if "@" in parts.netloc else ""
        if (
            not parts.hostname
            or not port
            or not HOST.fullmatch(parts.hostname)
            or parts.query
            or parts.fragment
            or not url.isascii()
            or any(not sign.isprintable() or sign == " " for sign in url)
        ):
            raise LoadTestError(
                f"host '{shown}' is no address that can be tested; expected one like http://localhost:3000, all of it "
                "ASCII"
            )
        return cls(parts.hostname, port, parts.path.rstrip("/"), parts.scheme == "https", login)

    @property
    def authority(self) -> str:
        """Return host and port as a Host header has them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """Return all of it, for those who connect: the only form that holds the login."""
        login = ":".join(quote(part, safe="") for part in self.login.split(":", 1)) + "@" if self.login else ""
        return str(self).replace("://", f"://{login}", 1)

    def __str__(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.authority}{self.prefix}"


def post(address: Address, path: str, body: bytes) -> bytes:
    """Return the bytes of a request, ready to be sent, so that nothing is built while the clock runs."""
    return (
        _head("POST", address, path)
        + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        + body
    )


def get(address: Address, path: str) -> bytes:
    """Return the bytes of a request without a body."""
    return _head("GET", address, path) + b"\r\n"


def _head(method: str, address: Address, path: str) -> bytes:
    login = f"Authorization: Basic {b64encode(address.login.encode()).decode('ascii')}\r\n" if address.login else ""
    return (
        f"{method} {address.prefix}{path} HTTP/1.1\r\nHost: {address.authority}\r\n{login}Accept: application/json\r\n"
    ).encode("ascii")
