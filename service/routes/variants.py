"""`GET /variants`: the cards, and what the check at start found."""

import orjson

from service.routes.exchange import Answer, Request, Service


async def variants(request: Request, service: Service) -> Answer:
    """Return the cards of all variants, the teacher first."""
    found = [
        {**variant.card.content(), "startup_check": variant.startup_check._asdict()}
        for variant in service.registry.variants
    ]
    return Answer(orjson.dumps({"variants": found}))
