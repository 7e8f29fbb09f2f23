"""Photographs as the engine is fitted on them: at the analysed size, as the file is or saved again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fakeshield_core import imaging
from fakeshield_core.domain import RgbImage
from fakeshield_core.engines.compact import NO_TABLE
from fakeshield_core.engines.tiles import analysed_size
from fakeshield_core.synthesis.history import through_jpeg
from fakeshield_core.training.photographs import Photograph

Table = npt.NDArray[np.float32]


def analysed(photograph: Photograph) -> tuple[RgbImage, Table]:
    """Pixels at the analysed size, and the file's (8, 8) luma steps: ones where they no longer fit."""
    size = analysed_size(*photograph.rgb.shape[:2])
    if size == photograph.rgb.shape[:2]:
        return photograph.rgb, photograph.table
    return imaging.resize_rgb(photograph.rgb, *size), NO_TABLE


def saved(rgb: RgbImage, table: Table, quality: int | None) -> tuple[RgbImage, Table]:
    """The same from a JPEG of that quality, with its steps; None: as it is."""
    if quality is None:
        return rgb, table
    again, steps = through_jpeg(rgb, quality)
    return again, steps.astype(np.float32)
