"""What an experiment can be asked and not do, each with a sentence that says what is accepted instead."""

from models.runtime.errors import BonsaiError


class ExperimentError(BonsaiError):
    """A request about experiments that is refused."""


class Invalid(ExperimentError):
    """A definition, or a piece of feedback, that is not what is accepted."""


class UnknownExperiment(ExperimentError):
    """There is no experiment of this name."""


class UnknownArm(ExperimentError):
    """The experiment has no such arm."""


class NotAllowed(ExperimentError):
    """The experiment does not let callers choose."""


class Conflict(ExperimentError):
    """What was asked contradicts what is there already."""


class Late(ExperimentError):
    """Feedback after the experiment's window."""


class Off(ExperimentError):
    """The service keeps no experiments."""
