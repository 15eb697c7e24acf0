"""Text of others in a line of ours."""


def printable(text: str) -> str:
    """Return a text in one line, without what would command a terminal instead of being shown."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in " ".join(text.split()))
