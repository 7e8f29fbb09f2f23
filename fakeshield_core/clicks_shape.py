"""Whether a region is outlined: does the picture have an edge where the region ends.

Clicks find objects by their outlines. A filled or retouched area has none, nor does an object whose mask was
drawn roughly; both are shapeless to a segmenter and reported apart.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from fakeshield_core.domain import BoolMask, Plane, RgbImage

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
BORDER_PX = 2  # an outline may lie this far from where the mask says
BAND_FRACTION = 0.05  # of the longer side: what counts as around the border
OUTLINED_CONTRAST = 1.5  # times stronger edges on the border than around it


def is_outlined(rgb: RgbImage, mask: BoolMask) -> bool:
    """True where edges of the picture are at least 1.5 times as strong on the border as around it."""
    return border_contrast(rgb, mask) >= OUTLINED_CONTRAST


def border_contrast(rgb: RgbImage, mask: BoolMask) -> float:
    """Mean luma gradient within 2 pixels of the mask's border, over that of the rest within 5 % of the side.

    Args:
        rgb: (H, W, 3).
        mask: (H, W), True = tampered.

    Returns:
        1.0 where the picture knows nothing of the border, or is flat; 1.0 for a mask without border.
    """
    distance = _to_border(mask)
    on_border = distance <= BORDER_PX
    around = (distance <= max(2 * BORDER_PX, BAND_FRACTION * max(mask.shape))) & ~on_border
    if not on_border.any() or not around.any():
        return 1.0
    gradient = ndimage.gaussian_gradient_magnitude(rgb.astype(np.float32) @ LUMA, 1.0)
    beside = float(gradient[around].mean())
    return float(gradient[on_border].mean()) / beside if beside > 0 else 1.0


def _to_border(mask: BoolMask) -> Plane:
    """(H, W) pixels to the nearest pixel of the other kind; infinite without one."""
    if mask.all() or not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    inside = ndimage.distance_transform_edt(mask)
    return np.asarray(np.where(mask, inside, ndimage.distance_transform_edt(~mask)), np.float32)
