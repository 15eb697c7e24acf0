"""What a variant can be asked and not do, each with a sentence that says what is accepted instead."""


class VariantError(Exception):
    """A prediction that no variant makes."""


class UnknownVariant(VariantError):
    """There is no variant of this name."""


class TooManyLabels(VariantError):
    """More labels were asked for than the variant knows."""


class TooLate(VariantError):
    """The deadline passed before all texts were classified."""
