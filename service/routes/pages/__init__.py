"""The page at `/` and the API docs, from files of ours and of this machine alone: no foreign requests."""

import hashlib
from pathlib import Path

from service.routes.exchange import Answer, Request, Service
from service.routes.refused import Refused

FOLDER = Path(__file__).parent
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
CLOSED = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
STRICT = f"default-src 'self'; {CLOSED}"
# The docs' scripts come with BentoML and set styles.
OF_BENTOML = ("swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "swagger-initializer.js")
FOR_DOCS = f"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; {CLOSED}"


def _page(file: Path, policy: str = STRICT) -> Answer:
    body = file.read_bytes()
    headers = {
        "cache-control": "no-cache",  # kept, and asked about each time: 304 is the usual answer
        "content-security-policy": policy,
        "etag": f'"{hashlib.sha256(body).hexdigest()[:16]}"',
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    return Answer(body, MEDIA_TYPES[file.suffix], headers)


INDEX, DOCS = _page(FOLDER / "index.html"), _page(FOLDER / "docs.html", FOR_DOCS)
ASSETS = {file.name: _page(file) for file in sorted((FOLDER / "assets").iterdir()) if file.suffix in MEDIA_TYPES}


async def index(request: Request, service: Service) -> Answer:
    """Return the page that a browser sees first."""
    return _unless_kept(request, INDEX)


async def docs(request: Request, service: Service) -> Answer:
    """Return the API docs, drawn by a browser from docs.json."""
    return _unless_kept(request, DOCS)


async def asset(request: Request, service: Service, name: str) -> Answer:
    """Return a file that the page is made of (Refused 404)."""
    if name not in ASSETS:
        raise Refused(404, f"there is no '/assets/{name[:64]}'; the page at / names those that there are")
    return _unless_kept(request, ASSETS[name])


def _unless_kept(request: Request, page: Answer) -> Answer:
    """Return the page, or 304 without it for a browser that holds this very one."""
    held = {tag.strip().removeprefix("W/") for tag in request.headers.get(b"if-none-match", "").split(",")}
    return page._replace(body=b"", status=304) if held & {page.headers["etag"], "*"} else page
