"""The service under test, as it describes itself: which variants it serves, and their cards."""

import json

from pydantic import ValidationError

from loadtest.errors import LoadTestError
from loadtest.numbers.result import Card, first_problem
from loadtest.users.address import Address, get
from loadtest.users.connection import Connection, Dropped, Late

PATIENCE = 10.0  # seconds for GET /variants, which no figure depends on


def fetch_cards(address: Address) -> dict[str, Card]:
    """Return the card of every variant that the service names, in its order."""
    connection = Connection(address, PATIENCE)
    try:
        status, body = connection.ask(get(address, "/variants"))
    except (Dropped, Late) as error:
        raise LoadTestError(
            f"no service answers at {address} ({error}); start it with 'make serve', or name another with --host"
        ) from error
    finally:
        connection.close()
    if status in (401, 403):
        raise LoadTestError(
            f"{address} wants to know who asks (status {status}); give --host with a user and a password, like "
            "http://USER:PASSWORD@localhost:3000"
        )
    if 300 <= status < 400:
        raise LoadTestError(
            f"{address} sends elsewhere (status {status}), and redirects would be measured too; give --host the "
            "address that it sends to"
        )
    if status != 200:
        raise LoadTestError(
            f"{address}/variants answered {status}; expected a Bonsai service, which 'make serve' starts"
        )
    try:
        cards = [Card.model_validate(card) for card in json.loads(body)["variants"]]
    except ValidationError as error:
        raise LoadTestError(
            f"{address}/variants gave a card that cannot be used ({first_problem(error)}); expected a Bonsai service"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise LoadTestError(
            f"{address}/variants gave no list of cards ({type(error).__name__}: {error}); expected a Bonsai service"
        ) from error
    if not cards:
        raise LoadTestError(
            f"the service at {address} has no variants; build some with 'python -m models.build' and start it again"
        )
    return {card.name: card for card in cards}


def choose(cards: dict[str, Card], names: list[str] | None, address: Address) -> dict[str, Card]:
    """Return the cards of the variants asked for, or all."""
    if names is None:
        return cards
    for place, name in enumerate(names):
        if name not in cards:
            raise LoadTestError(f"variant '{name}' is not served at {address}; it has {', '.join(cards)}")
        if name in names[:place]:
            raise LoadTestError(f"variant '{name}' was named twice; expected each once")
    return {name: cards[name] for name in names}


def alive(address: Address) -> bool:
    """Say whether the service still answers."""
    try:
        fetch_cards(address)
    except LoadTestError:
        return False
    return True


def versions(cards: dict[str, Card]) -> dict[str, str]:
    """Return the version of each variant."""
    return {name: card.version for name, card in cards.items()}
