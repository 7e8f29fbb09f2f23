"""The eight orientations agree with Pillow, and going back gives the stored array."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from fakeshield_core.orientation import stored, upright

ARRAY = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 14


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_is_what_pillow_shows(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    Image.fromarray(ARRAY).save(buffer, "PNG", exif=exif)
    with Image.open(buffer) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(upright(ARRAY, orientation), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_stored_undoes_upright(orientation: int) -> None:
    np.testing.assert_array_equal(stored(upright(ARRAY, orientation), orientation), ARRAY)
