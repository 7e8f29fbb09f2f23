"""Pictures made in code, for timing: texture at every scale, as heavy to decode as a photograph."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from fakeshield_core.domain import RgbImage

OCTAVES = 7  # coarsest structure is 2**7 pixels
QUALITY = 92


def textured(width: int, height: int, seed: int = 0) -> RgbImage:
    """Random texture with falling strength at finer scales; (height, width, 3)."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), np.float32)
    for octave in range(OCTAVES + 1):
        step = 2**octave
        cells = rng.integers(0, 256, (-(-height // step), -(-width // step), 3), dtype=np.uint8)
        resized = Image.fromarray(cells).resize((width, height), Image.Resampling.BICUBIC)
        total += np.asarray(resized, np.float32) * step**0.5
    total -= total.min()
    return np.asarray(total * (255 / max(float(total.max()), 1.0)), np.uint8)


def textured_jpeg(megapixels: float, seed: int = 0) -> bytes:
    """The same as a 4:3 JPEG file of quality 92."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    buffer = io.BytesIO()
    Image.fromarray(textured(round(megapixels * 1e6 / height), height, seed)).save(
        buffer, "JPEG", quality=QUALITY
    )
    return buffer.getvalue()
