"""What loading leaves behind on the collector's list of what lives on."""

import gc


def settle() -> None:
    """Collect, and let the collector never walk again over what is alive now: full collections were the tail latency.

    What is frozen goes all the same when nothing refers to it any more.
    """
    gc.collect()
    gc.freeze()
