"""What a variant can be asked and not do, each with a sentence that says what is accepted instead."""


class VariantError(Exception):
    """A prediction that no variant makes."""


class UnknownVariant(VariantError):
    """There is no variant of this name."""


class TooManyLabels(VariantError):
    """More labels were asked for than the variant knows."""


class TooLate(VariantError):
    """The deadline passed before all texts were classified."""


class TooMuchAtOnce(VariantError):
    """What was asked in one request cannot be done before its deadline."""


class Overloaded(VariantError):
    """What waits already would keep the request waiting for `seconds`, too long, and so any other to this variant whose
    text has at least so many characters; None where it was one of many texts.
    """

    def __init__(self, sentence: str, seconds: float, characters: int | None = None) -> None:
        super().__init__(sentence)
        self.seconds, self.characters = seconds, characters


class Failed(VariantError):
    """The model failed on a text: the one error here that is not the caller's."""


class Disconnected(VariantError):
    """Nobody waits for the prediction any more."""
