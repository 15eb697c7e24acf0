"""Which test rows a model has right, as a result file stores them: two models are compared row by row."""

import numpy as np
import numpy.typing as npt

Right = npt.NDArray[np.bool_]


def packed(right: Right) -> str:
    """Return which rows are right as hexadecimal digits, the first row first."""
    return np.packbits(right).tobytes().hex()


def unpacked(digits: str, rows: int) -> Right:
    """Return what `packed` was given."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(digits), np.uint8), count=rows).astype(bool)
