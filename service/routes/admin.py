"""Who may change things: whoever has the admin key."""

import hmac

from service.routes.exchange import Request, Service
from service.routes.refused import Refused


def check_admin(request: Request, service: Service) -> None:
    """Refuse whoever has no admin key (Refused 401; 403 where there is no key to have)."""
    key = service.experiments.admin_key
    if not key:
        raise Refused(403, "this service has no admin key; start it with BONSAI_ADMIN_KEY in its environment")
    scheme, _, given = request.headers.get(b"authorization", "").partition(" ")
    # Compared even where the scheme is another, so that the time tells nothing.
    same = hmac.compare_digest(given.strip().encode("latin-1", "replace"), key.encode())
    if not same or scheme.lower() != "bearer":
        raise Refused(
            401, "the admin key is missing or wrong; expected 'Authorization: Bearer …'", WWW_Authenticate="Bearer"
        )
