"""Scaling, and masks and maps as files."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from fakeshield_core import imaging
from fakeshield_core.errors import ImageTooLarge, ImageUnreadable
from tests.files import png, saved

CHECKER = np.indices((4, 4)).sum(axis=0) % 2 == 1
RAMP = np.linspace(0, 1, 24, dtype=np.float32).reshape(4, 6)


def _slow_bilinear(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Enlarging by the half-pixel rule, one pixel at a time."""
    out = np.zeros((height, width))
    for y, x in np.ndindex(height, width):
        v = np.clip((y + 0.5) * values.shape[0] / height - 0.5, 0, values.shape[0] - 1)
        u = np.clip((x + 0.5) * values.shape[1] / width - 0.5, 0, values.shape[1] - 1)
        top, left = int(v), int(u)
        down, right = min(top + 1, values.shape[0] - 1), min(left + 1, values.shape[1] - 1)
        upper = values[top, left] * (1 - u + left) + values[top, right] * (u - left)
        lower = values[down, left] * (1 - u + left) + values[down, right] * (u - left)
        out[y, x] = upper * (1 - v + top) + lower * (v - top)
    return out


def test_enlarged_map_is_bilinear_with_corresponding_centres() -> None:
    large = imaging.resize_map(RAMP, 10, 15)
    assert large.dtype == np.float32
    assert np.abs(large - _slow_bilinear(RAMP, 10, 15)).max() < 1e-6


def test_shrunk_map_averages_what_it_covers() -> None:
    checker = np.kron(CHECKER, np.ones((1, 1))).astype(np.float32)
    assert np.abs(imaging.resize_map(np.tile(checker, (8, 8)), 2, 2) - 0.5).max() < 0.05


def test_map_of_the_same_size_is_a_copy() -> None:
    same = imaging.resize_map(RAMP, 4, 6)
    assert (same == RAMP).all()
    assert not np.shares_memory(same, RAMP)


def test_resized_picture_keeps_its_mean_and_sides() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    small = imaging.resize_rgb(rgb, 16, 24)
    assert (small.shape, small.dtype) == ((16, 24, 3), np.uint8)
    assert abs(float(small.mean()) - float(rgb.mean())) < 1


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
def test_recompressed_pixels_equal_saving_and_opening(subsampling: str) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)
    with Image.open(io.BytesIO(saved(rgb, "JPEG", quality=75, subsampling=subsampling))) as image:
        assert (imaging.recompress(rgb, 75, subsampling) == np.asarray(image)).all()


def test_recompressing_halves_the_colour_by_default() -> None:
    rgb = np.zeros((16, 16, 3), np.uint8)
    rgb[:, ::2, 0] = 255  # red stripes of one pixel, which 4:2:0 cannot keep
    assert (imaging.recompress(rgb, 95) == imaging.recompress(rgb, 95, "4:2:0")).all()
    assert not (imaging.recompress(rgb, 95) == imaging.recompress(rgb, 95, "4:4:4")).all()


def test_display_picture_is_a_plain_jpeg() -> None:
    rgb = np.full((20, 30, 3), 77, np.uint8)
    picture = imaging.decode(imaging.encode_display_jpeg(rgb))
    assert picture.facts.format == "JPEG"
    assert picture.metadata == {}
    assert np.abs(picture.rgb.astype(int) - 77).max() <= 1


@pytest.mark.parametrize("shape", [(4, 4), (1, 9), (9, 1), (33, 17)])
def test_mask_comes_back_from_a_png_of_one_bit(shape: tuple[int, int]) -> None:
    mask = np.random.default_rng(0).random(shape) < 0.5
    data = imaging.encode_mask_png(mask)
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "1"
        assert image.size == (shape[1], shape[0])
    back = imaging.decode_mask_png(data)
    assert back.dtype == np.bool_
    assert (back == mask).all()


def test_map_comes_back_from_a_png_within_half_a_level() -> None:
    data = imaging.encode_map_png(RAMP)
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "L"
    back = imaging.decode_map_png(data)
    assert back.dtype == np.float32
    assert np.abs(back - RAMP).max() <= 0.5 / 255 + 1e-6
    assert (imaging.decode_map_png(imaging.encode_map_png(back)) == back).all()


def test_map_values_outside_are_cut() -> None:
    assert imaging.decode_map_png(imaging.encode_map_png(np.array([[-1, 2]], np.float32))).tolist() == [
        [0, 1]
    ]


@pytest.mark.parametrize(
    ("pixel", "tampered"),
    [((127, 128, 127), False), ((128, 128, 127), True), ((255, 255, 255), True), ((255, 0, 0), False)],
)
def test_colour_mask_counts_where_the_mean_is_above_the_middle(
    pixel: tuple[int, ...], tampered: bool
) -> None:
    data = saved(np.full((2, 2, 3), pixel, np.uint8), "PNG")
    assert imaging.decode_mask_png(data).tolist() == [[tampered] * 2] * 2


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA"])
def test_masks_of_every_kind_are_read(mode: str) -> None:
    image = Image.fromarray(np.uint8(255) * CHECKER.astype(np.uint8)).convert(mode)
    assert (imaging.decode_mask_png(saved(image, "PNG")) == CHECKER).all()


@pytest.mark.parametrize("decode", [imaging.decode_mask_png, imaging.decode_map_png])
@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(b"", ImageUnreadable, id="empty"),
        pytest.param(saved(CHECKER.astype(np.uint8), "GIF"), ImageUnreadable, id="another format"),
        pytest.param(imaging.encode_mask_png(CHECKER)[:40], ImageUnreadable, id="cut off"),
        pytest.param(saved(np.zeros((4, 4), np.uint16), "PNG"), ImageUnreadable, id="16 bits"),
        pytest.param(png(12_000, 12_000), ImageTooLarge, id="144 megapixels"),
    ],
)
def test_hostile_masks_and_maps_are_refused(decode: object, data: bytes, error: type[Exception]) -> None:
    assert callable(decode)
    with pytest.raises(error, match=r"\. |; send "):
        decode(data)


def test_map_must_be_grey() -> None:
    with pytest.raises(ImageUnreadable, match="8-bit grey PNG"):
        imaging.decode_map_png(imaging.encode_mask_png(CHECKER))
