"""What schemathesis is told beside its own checks: a request is out of time (503) only where its client gave it less
time, and a header that no document names is no wrong one.
"""

from typing import Any

import schemathesis

UNKNOWN = "x-schemathesis-unknown-property"


@schemathesis.check
def is_late_only_where_it_was_hurried(context: Any, response: Any, case: Any) -> None:
    """Refuse a 503 that is not what a short X-Request-Timeout-Ms asks for, or does not say when to come again."""
    if response.status_code == 503:
        asked = {name.lower() for name in case.headers or {}}
        assert "x-request-timeout-ms" in asked, "503 to a client that did not ask to be answered soon"
        assert "retry-after" in response.headers, "503 without Retry-After"


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """Leave out what is wrong for an unknown header alone: HTTP lets a client send more."""
    return UNKNOWN not in {name.lower() for name in case.headers or {}}
