"""The one error that a user can repair: a single sentence, printed without a traceback."""


class BonsaiError(Exception):
    """What is wrong, what was given, what is accepted and the command that helps, in one sentence."""
