"""The page at `/` and the API docs, from files of ours and of this machine alone: no foreign requests."""

from pathlib import Path

from service.routes.exchange import Answer, Request, Service

HTML = "text/html; charset=utf-8"
# The docs' scripts come with BentoML and stand under static_content.
POLICY = {"content-security-policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"}
INDEX, DOCS = (Path(__file__).with_name(f"{name}.html").read_bytes() for name in ("index", "docs"))


async def index(request: Request, service: Service) -> Answer:
    """Return the page that a browser sees first."""
    rows = "".join(
        f"<tr><td><code>{variant.card.name}</code></td><td>{variant.card.kind}</td>"
        f"<td><code>{variant.card.version}</code></td></tr>"
        for variant in service.registry.variants
    )
    return Answer(INDEX.replace(b"<!-- rows -->", rows.encode()), HTML, POLICY)


async def docs(request: Request, service: Service) -> Answer:
    """Return the API docs, drawn by a browser from docs.json."""
    return Answer(DOCS, HTML, POLICY)
