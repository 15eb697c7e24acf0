"""An error of ours in the log: where it happened, and not what it says, for libraries repeat what they were given."""

import logging
import traceback


def log_failure(logger: logging.Logger, problem: BaseException, message: str, *given: object) -> None:
    """Log that something failed, with the classes and places of the error and of those behind it; what they say goes
    to the debug log alone.
    """
    logger.error(f"{message}: %s", *given, trace(problem))
    logger.debug("it said: %r", problem)


def trace(problem: BaseException) -> str:
    """Return the places that an error came through and its class, the first error of a chain first."""
    chain, seen = list[BaseException](), set[int]()
    each: BaseException | None = problem
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        chain.append(each)
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return "\n".join(
        f"{type(one).__module__}.{type(one).__qualname__}\n{''.join(traceback.format_tb(one.__traceback__))}".rstrip()
        for one in reversed(chain)
    )
