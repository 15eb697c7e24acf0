"""Which test rows a model has right, as a result file stores them: two models are compared row by row."""

import numpy as np
import numpy.typing as npt

from models.runtime.errors import BonsaiError

Right = npt.NDArray[np.bool_]


def packed(right: Right) -> str:
    """Return which rows are right as hexadecimal digits, the first row first."""
    return np.packbits(right).tobytes().hex()


def unpacked(digits: str, rows: int) -> Right:
    """Return what `packed` was given for so many rows (BonsaiError where the digits are of more or fewer, or none)."""
    try:
        found = np.frombuffer(bytes.fromhex(digits), np.uint8)
    except (ValueError, TypeError) as error:
        raise BonsaiError("which rows are right is no hexadecimal number") from error
    if len(found) != -(-rows // 8):
        raise BonsaiError(f"{8 * len(found)} bits say which of {rows} rows are right; expected as many as rows")
    return np.unpackbits(found, count=rows).astype(bool)
