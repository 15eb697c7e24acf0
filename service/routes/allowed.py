"""Who may predict, and how much: whoever shows a key of that role, where the service has keys."""

import math

from service.keys.keys import Key, Keys
from service.routes.exchange import Request
from service.routes.refused import Refused

EXPECTED = "expected 'Authorization: Bearer …' with a key that may predict"


def check_predict(request: Request, keys: Keys) -> None:
    """Note whose request it is, and take a text of what its key may ask for (Refused 401, 403, 429)."""
    authorization = request.headers.get(b"authorization", "")
    key = keys.find(authorization)
    if key is None:
        wrong = "the API key is not valid" if authorization else "this service asks for an API key"
        raise Refused(401, f"{wrong}; {EXPECTED}", WWW_Authenticate="Bearer")
    if key.role != "predict":
        raise Refused(403, f"the key '{key.name}' is of the role {key.role}; {EXPECTED}")
    request.key = key
    if key.allowance is not None and (wait := key.allowance.take(1)):
        raise _too_much(key, wait)


def spend(request: Request, texts: int) -> None:
    """Take the rest of a request's texts of what its key may ask for (Refused 429)."""
    key = request.key
    if key is None or key.allowance is None or texts < 2:
        return
    if wait := key.allowance.take(texts - 1, 1):
        key.allowance.give_back(1)
        raise _too_much(key, wait)


def _too_much(key: Key, wait: float) -> Refused:
    assert key.allowance is not None
    rate, burst, seconds = key.allowance.texts_per_second, key.allowance.burst, max(1, math.ceil(wait))
    return Refused(
        429,
        f"the key '{key.name}' may ask for {rate:g} texts a second and {burst:g} at once; try again in {seconds} s",
        Retry_After=str(seconds),
    )
