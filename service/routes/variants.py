"""`GET /variants`: which build is served and by how many workers, the cards, what the check at start found, and
what the build measured.
"""

import orjson

from service.routes.exchange import Answer, Request, Service


async def variants(request: Request, service: Service) -> Answer:
    """Return the cards of all variants, the teacher first."""
    found = [
        {
            **variant.card.content(),
            "startup_check": variant.startup_check._asdict(),
            **({} if variant.measured is None else {"measured": variant.measured._asdict()}),
        }
        for variant in service.registry.variants
    ]
    build = service.generations
    said = {"generation": build.generation, "workers": build.serving(), "all_workers": build.workers}
    return Answer(orjson.dumps({**said, "variants": found}))
