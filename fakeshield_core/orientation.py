"""EXIF orientation of arrays: from the file's own frame, where the JPEG grid lies, to upright and back."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Scalar = TypeVar("Scalar", bound=np.generic)
BACK = {6: 8, 8: 6}  # the quarter turns undo each other; every other orientation undoes itself


def upright(stored: npt.NDArray[Scalar], orientation: int) -> npt.NDArray[Scalar]:
    """An array (H, W) or (H, W, C) as the file stores it, turned the way it is meant to be seen.

    Args:
        orientation: EXIF value 1..8; 5..8 exchange height and width.

    Source: EXIF 2.32, tag 0x0112.
    """
    turned = stored.swapaxes(0, 1) if orientation >= 5 else stored
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    return turned


def stored(upright_array: npt.NDArray[Scalar], orientation: int) -> npt.NDArray[Scalar]:
    """The inverse of `upright`."""
    return upright(upright_array, BACK.get(orientation, orientation))
