"""Rules that hold for any file: a Picture or a refusal comes out, and masks come back."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from fakeshield_core import imaging
from fakeshield_core.domain import BoolMask
from fakeshield_core.errors import InputError
from tests.files import saved, tiff_structure

TEXTURE = np.random.default_rng(2).integers(0, 256, (24, 40, 3), dtype=np.uint8)
EXIF = b"Exif\0\0" + tiff_structure([(0x0112, 3, 1, 6), (0x0131, 2, 4, 0x00657947)])
FILES = {
    "jpeg": saved(TEXTURE, "JPEG", exif=EXIF, comment=b"hand made"),
    "progressive jpeg": saved(TEXTURE, "JPEG", progressive=True),
    "png": saved(TEXTURE, "PNG", exif=EXIF),
    "palette png": saved(Image.fromarray(TEXTURE).convert("P"), "PNG", transparency=3),
    "webp": saved(TEXTURE, "WEBP", exif=EXIF),
    "lossless webp": saved(Image.fromarray(TEXTURE).convert("RGBA"), "WEBP", lossless=True),
    "tiff": saved(TEXTURE, "TIFF"),
    "packed tiff": saved(TEXTURE, "TIFF", compression="tiff_lzw"),
    "gif": saved(TEXTURE, "GIF", comment=b"hand made"),
    "bmp": saved(TEXTURE, "BMP"),
}
HEADER_BYTES = 300


def _mended(data: bytes) -> bytes:
    """A PNG with right checksums again, so that mutations get past them."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    out, place = bytearray(data), 8
    while place + 12 <= len(out):
        end = place + 8 + int.from_bytes(out[place : place + 4], "big")
        out[end : end + 4] = (
            zlib.crc32(out[place + 4 : end]).to_bytes(4, "big") if end + 4 <= len(out) else b""
        )
        place = end + 4
    return bytes(out)


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=60, deadline=2000)
@given(
    changes=st.lists(st.tuples(st.integers(0, HEADER_BYTES), st.integers(0, 255)), min_size=1, max_size=6),
    cut=st.none() | st.integers(0, 2_000),
)
def test_mutated_header_gives_a_picture_or_a_refusal(
    name: str, changes: list[tuple[int, int]], cut: int | None
) -> None:
    data = bytearray(FILES[name])
    for place, value in changes:
        data[place % len(data)] = value
    mutated = _mended(bytes(data[:cut]))
    try:
        picture = imaging.decode(mutated, "mutated.jpg")
    except InputError as refusal:
        assert str(refusal).endswith(".")
        return
    height, width = picture.facts.height, picture.facts.width
    assert picture.rgb.shape == (height, width, 3)
    assert height * width <= imaging.MAX_PIXELS
    assert not picture.rgb.flags.writeable
    assert all(len(text) <= 200 and text.isprintable() for text in picture.metadata.values())


@given(
    st.binary(max_size=64),
    st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"II*\0", b"GIF89a", b"BM"]),
)
def test_noise_is_always_refused(noise: bytes, beginning: bytes) -> None:
    with pytest.raises(InputError):
        imaging.decode(beginning + noise)


@given(arrays.arrays(np.bool_, st.tuples(st.integers(1, 30), st.integers(1, 30))))
def test_mask_comes_back_from_its_png(mask: BoolMask) -> None:
    assert (imaging.decode_mask_png(imaging.encode_mask_png(mask)) == mask).all()


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 60), st.integers(1, 60))
def test_resized_map_keeps_to_the_range_it_had(
    height: int, width: int, new_height: int, new_width: int
) -> None:
    soft = np.random.default_rng(height * 31 + width).random((height, width), dtype=np.float32)
    resized = imaging.resize_map(soft, new_height, new_width)
    assert resized.shape == (new_height, new_width)
    assert soft.min() - 1e-6 <= resized.min() <= resized.max() <= soft.max() + 1e-6


@given(st.integers(16, 60), st.integers(16, 60), st.integers(1, 8))
def test_any_size_and_orientation_agree_with_what_is_recorded(
    height: int, width: int, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = imaging.decode(saved(Image.new("RGB", (width, height)), "JPEG", exif=exif))
    expected = (width, height) if orientation <= 4 else (height, width)
    assert (picture.facts.width, picture.facts.height) == expected
    assert picture.rgb.shape[:2] == expected[::-1]
    assert io.BytesIO(picture.data).getvalue() == picture.data
