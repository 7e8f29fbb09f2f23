"""Picture: original bytes, upright pixels and file facts; the only thing engines take, made by `imaging`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fakeshield_core.domain import PictureFacts, RgbImage


@dataclass(frozen=True, slots=True)
class JpegFacts:
    """How a JPEG was compressed last."""

    luma_table: npt.NDArray[np.int32]  # (8, 8), natural order [row frequency, column frequency]
    chroma_table: npt.NDArray[np.int32] | None  # the same, None for a grey picture
    subsampling: str  # "4:4:4", "4:2:2", "4:2:0", "grey", "other"
    progressive: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded picture. Arrays are read-only."""

    facts: PictureFacts
    data: bytes  # the file as it came
    rgb: RgbImage  # (H, W, 3), upright
    jpeg: JpegFacts | None  # None unless the file is a JPEG
    metadata: Mapping[str, str]  # EXIF, XMP and text fields, name -> short text; never interpreted as paths
    warnings: tuple[str, ...] = ()  # "Only the first of 12 frames is analysed."
