"""A picture with its mask outlined, for a person to look at."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from fakeshield_core.domain import BoolMask, RgbImage, SoftMap
from fakeshield_core.imaging import decode, decode_mask_png, encode_display_jpeg, resize_map, resize_rgb

SIDE_PX = 1200  # of the longer side
LINE_PX = 2  # the line, and as much casing on each side of it
MASK_RGB = (157, 92, 255)  # token --mask
CASING_RGB = (11, 14, 18)  # token --casing


def outlined(picture: bytes, mask: bytes | None) -> bytes:
    """A JPEG no larger than SIDE_PX.

    Args:
        picture: the stored file.
        mask: the stored mask PNG of the picture's size, None where none was drawn.

    Raises:
        InputError: one of the two cannot be read.
    """
    rgb = decode(picture).rgb
    height, width = rgb.shape[:2]
    scale = min(1.0, SIDE_PX / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    small = rgb if scale == 1.0 else resize_rgb(rgb, *size)
    if mask is not None:
        marks: SoftMap = decode_mask_png(mask).astype(np.float32)
        small = drawn(small, marks > 0.5 if scale == 1.0 else resize_map(marks, *size) >= 0.5)
    return encode_display_jpeg(small)


def drawn(rgb: RgbImage, mask: BoolMask) -> RgbImage:
    """A copy with the border of the mask drawn just outside of it, over a dark casing.

    Args:
        rgb: (H, W, 3).
        mask: (H, W), True = tampered.
    """
    out = rgb.copy()
    casing = ndimage.binary_dilation(mask, iterations=2 * LINE_PX) & ~mask
    line = ndimage.binary_dilation(mask, iterations=LINE_PX) & ~mask
    out[casing] = CASING_RGB
    out[line] = MASK_RGB
    return out
