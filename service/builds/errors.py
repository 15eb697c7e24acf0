"""Why a variant is not built or not taken away, each with a sentence that says what is accepted instead."""

from models.runtime.errors import BonsaiError


class BuildError(BonsaiError):
    """A request about builds that is refused."""


class NotAccepted(BuildError):
    """A name, passes or a goal that no build can be made of."""


class Conflict(BuildError):
    """What was asked contradicts what is there already."""


class UnknownBuild(BuildError):
    """There is no such build, or no such variant."""


class Full(BuildError):
    """Too many builds wait."""


class NoRoom(BuildError):
    """The disk has less room than a build takes."""


class Unable(BuildError):
    """What is needed is not installed here."""


class NotKept(BuildError):
    """The folder of the jobs cannot be written."""
