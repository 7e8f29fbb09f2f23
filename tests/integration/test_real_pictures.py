"""Real pictures of many origins come out as Pillow decodes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from fakeshield_core import imaging


@pytest.mark.shared
def test_real_pictures_equal_what_pillow_decodes(shared_dev: Path) -> None:
    paths = sorted((shared_dev / "images").rglob("*.*"))
    assert len(paths) > 300
    for path in paths:
        picture = imaging.decode(path.read_bytes(), path.name)
        with Image.open(path) as image:
            expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
            table = image.quantization[0] if image.format == "JPEG" else None
        assert np.array_equal(picture.rgb, expected), path.name
        assert picture.jpeg is None or picture.jpeg.luma_table.ravel().tolist() == table, path.name
