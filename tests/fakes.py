"""Small stand-ins and builders shared by tests."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from fakeshield_core.domain import RgbImage
from fakeshield_core.imaging import decode
from fakeshield_core.picture import Picture


def textured(height: int, width: int, seed: int = 0) -> RgbImage:
    """A photograph-like picture: smooth colour with fine texture; (height, width, 3)."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 215, (height // 32 + 2, width // 32 + 2, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC), np.float32)
    return np.clip(smooth + rng.normal(0, 4, smooth.shape), 0, 255).astype(np.uint8)


def encoded(rgb: RgbImage, file_format: str = "PNG", **options: object) -> bytes:
    """The file a picture makes."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, file_format, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def pictured(rgb: RgbImage, file_format: str = "PNG", **options: object) -> Picture:
    """The same as a Picture, through the only door."""
    return decode(encoded(rgb, file_format, **options), "test")


def marked(rgb: RgbImage, top: int, left: int, height: int, width: int) -> RgbImage:
    """A copy with a magenta rectangle, which the stub engine calls tampered."""
    out = rgb.copy()
    out[top : top + height, left : left + width] = (255, 0, 255)
    return out
