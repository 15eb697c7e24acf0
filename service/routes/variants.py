"""`GET /variants`: the cards, and what the check at start found."""

import json

from service.variants.registry import Registry


def cards(registry: Registry) -> bytes:
    """Return the cards of all variants, the teacher first."""
    found = [
        {**card.content(), "startup_check": startup_check._asdict()} for card, _, startup_check in registry.variants
    ]
    return json.dumps({"variants": found}, ensure_ascii=False).encode()
