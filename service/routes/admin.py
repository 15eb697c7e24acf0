"""Who may change things: whoever has the admin key."""

import hmac

from service.routes.exchange import Request, Service
from service.routes.refused import Refused


def check_admin(request: Request, service: Service) -> None:
    """Refuse whoever has no admin key (Refused 401; 403 where there is no key to have, or it is for predicting)."""
    key, keys = service.experiments.admin_key, service.keys
    if not key and (keys is None or not keys.now.has_admin):
        raise Refused(
            403,
            "this service has no admin key; start it with BONSAI_ADMIN_KEY in its environment, or a key of the role "
            "admin in BONSAI_KEYS",
        )
    authorization = request.headers.get(b"authorization", "")
    scheme, _, given = authorization.partition(" ")
    # Compared even where the scheme is another, so that the time tells nothing.
    same = hmac.compare_digest(given.strip().encode("latin-1", "replace"), key.encode())
    if key and same and scheme.lower() == "bearer":
        return
    found = keys.now.find(authorization) if keys is not None else None
    if found is None:
        raise Refused(
            401, "the admin key is missing or wrong; expected 'Authorization: Bearer …'", WWW_Authenticate="Bearer"
        )
    if found.role != "admin":
        raise Refused(403, f"the key '{found.name}' is of the role {found.role}; expected one of the role admin")
