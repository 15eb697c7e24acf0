"""What can be wrong with a store; each is raised with one sentence that shows no password."""

from models.runtime.errors import BonsaiError


class StoreError(BonsaiError):
    """A store that does not do what was asked; `reason` is the word that lost rows are counted under."""

    reason = "store failed"


class StoreAway(StoreError):
    """The database cannot be reached, opened or locked now."""

    reason = "store away"


class StoreReadOnly(StoreError):
    """The database lets nobody write."""

    reason = "store read-only"


class StoreFull(StoreError):
    """The database's disk is full."""

    reason = "disk full"


class OlderSchema(StoreError):
    """The database holds no tables yet, or those of an older version."""

    reason = "older schema"


class NewerSchema(StoreError):
    """The database was migrated by a newer version."""

    reason = "newer schema"


class Changed(StoreError):
    """Somebody else changed it first."""


class Waiting(StoreError):
    """More feedback waits already than is let wait."""

    reason = "full queue"


class WrongAddress(StoreError):
    """A URL that names no store."""
