"""Error level: how much each block changes when the picture is saved once more as JPEG.

Blocks that were compressed before at a similar quality hardly change; blocks that were not, or on another
grid, change more. Brightness only, so that chroma subsampling plays no part.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from fakeshield_core.domain import Plane
from fakeshield_core.evidence.blocks import blocks
from fakeshield_core.evidence.contrast import Limits
from fakeshield_core.evidence.level_test import LevelTest

QUALITY = 90  # libjpeg scale; the usual choice since N. Krawetz, "A Picture's Worth", 2007

ERROR_LEVEL = LevelTest(
    name="error_level",
    title="Error level",
    limits=Limits(effect=1.5, ratio=1.1),
    display_max=4.0,
    whole="Saved again as JPEG at quality 90, a typical block changes by {level} grey levels.",
    higher="saved again as JPEG, {place} changes {ratio} times as much as similar parts elsewhere "
    "({inside} against {expected} grey levels, usual variation {spread}).",
    lower="saved again as JPEG, {place} changes less than similar parts elsewhere, {ratio} times as much "
    "({inside} against {expected} grey levels, usual variation {spread}).",
    beside_zero="saved again as JPEG, {place} changes by {inside} grey levels, similar parts elsewhere by "
    "{expected} (usual variation {spread}).",
    same="saved again as JPEG, {place} does not clearly differ from similar parts elsewhere "
    "({inside} against {expected} grey levels, usual variation {spread}).",
    cannot_show="Sharpening, blur and material also change the error level, and saving at a low quality "
    "wipes differences out.",
    numbers={"quality": QUALITY},
)


def error_levels(taken_luma: Plane) -> Plane:
    """Mean absolute change of each block on saving at quality 90.

    Args:
        taken_luma: (8h, 8w), grey levels 0..255.

    Returns:
        (h, w), grey levels, 0 or more.
    """
    before = np.rint(taken_luma).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(before).save(buffer, "JPEG", quality=QUALITY)
    with Image.open(buffer) as saved:
        after = np.asarray(saved, dtype=np.float32)
    return np.asarray(blocks(np.abs(after - before)).mean(axis=(2, 3)))
