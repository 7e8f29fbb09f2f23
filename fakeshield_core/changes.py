"""Robustness runs: a picture after JPEG, noise, blur or at another size, named `jpeg70` or `resize0.5`."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

from fakeshield_core.domain import RgbImage
from fakeshield_core.errors import InputError
from fakeshield_core.imaging import recompress, resize_rgb
from fakeshield_core.synthesis.history import blurred

JPEG = re.compile(r"jpeg(\d+)")
NAME = re.compile(r"(noise|blur|resize)(\d+(?:\.\d+)?)")
PUBLISHED = ("jpeg70", "jpeg50", "jpeg30", "noise5", "noise10", "resize0.5")

Change = Callable[[RgbImage], RgbImage]


def change_named(name: str) -> Change:
    """The change of that name; the same picture is always changed in the same way.

    Args:
        name: `jpeg` and a quality 1..100, `noise` and a standard deviation in grey levels, `blur` and one in
            pixels up to 20, `resize` and a factor above 0 and up to 4.

    Raises:
        InputError: another name.
    """
    quality = jpeg_quality(name)
    if quality is not None:
        return lambda rgb: recompress(rgb, quality)
    match = NAME.fullmatch(name)
    amount = float(match[2]) if match else 0.0
    if match and match[1] == "noise" and amount > 0:
        return lambda rgb: noisy(rgb, amount)
    if match and match[1] == "blur" and 0 < amount <= 20:
        return lambda rgb: blurred(rgb, amount)
    if match and match[1] == "resize" and 0 < amount <= 4:
        return lambda rgb: resized(rgb, amount)
    raise InputError(f"{name!r} is no change; use names such as {', '.join(PUBLISHED)}.")


def jpeg_quality(name: str) -> int | None:
    """The quality of a change by JPEG, 1..100; None for every other name."""
    match = JPEG.fullmatch(name)
    return int(match[1]) if match and int(match[1]) in range(1, 101) else None


def noisy(rgb: RgbImage, deviation: float) -> RgbImage:
    """The picture with Gaussian noise of this many grey levels; its seed is the picture itself."""
    random = np.random.default_rng(zlib.crc32(np.ascontiguousarray(rgb).tobytes()))
    values = rgb + random.normal(0.0, deviation, rgb.shape)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def resized(rgb: RgbImage, factor: float) -> RgbImage:
    """The picture with both sides times this factor, at least one pixel."""
    height, width = (max(1, round(side * factor)) for side in rgb.shape[:2])
    return resize_rgb(rgb, height, width)


def fitted_mask(mask: np.ndarray[tuple[int, int], np.dtype[np.bool_]], height: int, width: int) -> np.ndarray:
    """A mask (h, w) at another size by nearest neighbour, to be compared with the unchanged ground truth."""
    if mask.shape == (height, width):
        return mask
    image = Image.fromarray(mask.astype(np.uint8)).resize((width, height), Image.Resampling.NEAREST)
    return np.asarray(image) > 0
