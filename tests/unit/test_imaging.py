"""What `decode` makes of ordinary pictures of every kind."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from fakeshield_core import imaging
from fakeshield_core.errors import ImageTooLarge, ImageUnreadable
from fakeshield_core.imaging_jpeg import read_jpeg
from tests.files import grey_tiff, png, saved

RNG = np.random.default_rng(0)
BLOCKS = np.kron(RNG.integers(0, 256, (4, 6, 3)), np.ones((8, 8, 1), int)).astype(np.uint8)  # (32, 48, 3)
LOSSLESS = {"PNG": {}, "TIFF": {"compression": "tiff_lzw"}, "BMP": {}, "WEBP": {"lossless": True}}


def _stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """What a camera held that way would have stored."""
    flipped = upright.transpose(1, 0, 2)
    return {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: flipped,
        6: np.rot90(upright),
        7: flipped[::-1, ::-1],
        8: np.rot90(upright, -1),
    }[orientation]


@pytest.mark.parametrize("file_format", LOSSLESS)
def test_lossless_pixels_come_out_as_they_went_in(file_format: str) -> None:
    data = saved(BLOCKS, file_format, **LOSSLESS[file_format])
    picture = imaging.decode(data)
    assert (picture.rgb == BLOCKS).all()
    assert picture.facts.format == file_format
    assert (picture.facts.width, picture.facts.height) == (48, 32)
    assert picture.facts.sha256 == hashlib.sha256(data).hexdigest()
    assert (picture.facts.bytes, picture.data) == (len(data), data)
    assert picture.jpeg is None
    assert picture.warnings == ()


def test_pixels_are_read_only_bytes_in_rows() -> None:
    rgb = imaging.decode(saved(BLOCKS, "JPEG")).rgb
    assert (rgb.dtype, rgb.shape, rgb.flags.c_contiguous) == (np.uint8, (32, 48, 3), True)
    with pytest.raises(ValueError, match="read-only"):
        rgb[0, 0, 0] = 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_is_applied_and_recorded(file_format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100, "subsampling": 0} if file_format == "JPEG" else LOSSLESS[file_format]
    stored = np.ascontiguousarray(_stored(BLOCKS, orientation))
    picture = imaging.decode(saved(stored, file_format, exif=exif, **options))
    assert picture.facts.orientation == orientation
    assert picture.rgb.shape == BLOCKS.shape
    assert (picture.facts.width, picture.facts.height) == (48, 32)
    assert np.abs(picture.rgb.astype(int) - BLOCKS).max() <= (3 if file_format == "JPEG" else 0)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_orientation_that_is_none_counts_as_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert imaging.decode(saved(BLOCKS, "JPEG", exif=exif)).facts.orientation == 1


def test_tiff_is_not_turned_by_its_xmp_alone() -> None:
    packet = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    picture = imaging.decode(saved(BLOCKS, "TIFF", tiffinfo={700: packet}))
    assert (picture.rgb == BLOCKS).all()


GREY_16 = np.arange(16 * 32, dtype=np.uint16).reshape(16, 32) * 128
SCALED = np.rint(GREY_16 / 257).astype(np.uint8)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(saved(GREY_16, "PNG"), SCALED, id="png"),
        pytest.param(grey_tiff(GREY_16.tobytes(), 16), SCALED, id="tiff, low byte first"),
        pytest.param(
            grey_tiff(GREY_16.byteswap().tobytes(), 16, order=">"), SCALED, id="tiff, high byte first"
        ),
        pytest.param(grey_tiff(GREY_16.tobytes(), 16, photometric=0), 255 - SCALED, id="tiff, zero is white"),
        pytest.param(grey_tiff(b"\xff" * 24 * 32, 12), np.full((16, 32), 255), id="tiff of 12 bits"),
    ],
)
def test_sixteen_bits_are_scaled_not_clipped(data: bytes, expected: np.ndarray) -> None:
    picture = imaging.decode(data)
    assert (picture.rgb == expected[..., None]).all()
    assert picture.warnings == ("This picture has 16 bits a channel; it is analysed at 8.",)


def test_sixteen_bit_colour_keeps_its_high_byte() -> None:
    assert (imaging.decode(png(32, 32, bits=16, colour=2, channels=3)).rgb == 0).all()


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_grey_and_palette_become_colour(mode: str) -> None:
    image = Image.fromarray(BLOCKS).convert(mode)
    picture = imaging.decode(saved(image, "PNG"))
    assert (picture.rgb == np.asarray(image.convert("RGB"))).all()
    assert picture.warnings == ()


def test_cmyk_comes_out_in_its_true_colours() -> None:
    # Adobe stores ink inverted, and so does Pillow; red needs no cyan ink and all magenta and yellow
    red = Image.new("CMYK", (32, 32), (0, 255, 255, 0))
    picture = imaging.decode(saved(red, "JPEG", quality=100))
    assert np.abs(picture.rgb.astype(int) - (255, 0, 0)).max() <= 3
    assert picture.warnings == (
        "This picture is stored in print colours (CMYK); it is analysed after conversion to RGB.",
    )


def _half_clear(mode: str) -> Image.Image:
    image = Image.fromarray(BLOCKS).convert(mode)
    alpha = np.full((32, 48), 255, np.uint8)
    alpha[:, :24] = 0
    image.putalpha(Image.fromarray(alpha))
    return image


@pytest.mark.parametrize(
    ("mode", "file_format"), [("RGB", "PNG"), ("L", "PNG"), ("RGB", "WEBP"), ("RGB", "TIFF")]
)
def test_transparent_parts_are_white_and_said_so(mode: str, file_format: str) -> None:
    image = _half_clear(mode)
    picture = imaging.decode(saved(image, file_format, **LOSSLESS[file_format]))
    assert (picture.rgb[:, :24] == 255).all()
    assert (picture.rgb[:, 24:] == np.asarray(image.convert("RGB"))[:, 24:]).all()
    assert picture.warnings == ("Parts of this picture are transparent; they are analysed as white.",)


def test_half_transparent_pixels_are_mixed_with_white() -> None:
    image = Image.new("RGBA", (16, 16), (100, 0, 0, 51))  # a fifth of (100, 0, 0) on white
    assert np.abs(imaging.decode(saved(image, "PNG")).rgb.astype(int) - (224, 204, 204)).max() <= 1


def test_transparent_palette_entry_is_white() -> None:
    image = Image.fromarray(BLOCKS).convert("P")
    picture = imaging.decode(saved(image, "PNG", transparency=image.getpixel((0, 0))))
    assert (picture.rgb[0, 0] == 255).all()
    assert len(picture.warnings) == 1


def test_opaque_alpha_changes_nothing() -> None:
    picture = imaging.decode(saved(Image.fromarray(BLOCKS).convert("RGBA"), "PNG"))
    assert (picture.rgb == BLOCKS).all()
    assert picture.warnings == ()


@pytest.mark.parametrize("file_format", ["GIF", "PNG", "WEBP", "TIFF"])
def test_first_of_several_frames_is_taken_and_said_so(file_format: str) -> None:
    frames = [Image.fromarray(np.roll(BLOCKS, 8 * step, axis=1)) for step in range(3)]
    options = LOSSLESS.get(file_format, {})
    picture = imaging.decode(
        saved(frames[0], file_format, save_all=True, append_images=frames[1:], **options)
    )
    alone = imaging.decode(saved(frames[0], file_format, **options))
    assert (picture.rgb == alone.rgb).all()
    assert picture.warnings == ("This file holds more than one picture; only the first is analysed.",)
    assert alone.warnings == ()


# ITU-T T.81, table K.1: the luma table at quality 50, first row = horizontal frequencies
ANNEX_K_FIRST_ROW = [16, 11, 10, 16, 24, 40, 51, 61]
ANNEX_K_FIRST_COLUMN = [16, 12, 14, 14, 18, 24, 49, 72]


def test_quantisation_tables_are_in_natural_order() -> None:
    jpeg = imaging.decode(saved(BLOCKS, "JPEG", quality=50)).jpeg
    assert jpeg is not None
    assert jpeg.luma_table[0].tolist() == ANNEX_K_FIRST_ROW
    assert jpeg.luma_table[:, 0].tolist() == ANNEX_K_FIRST_COLUMN
    assert jpeg.luma_table.dtype == np.int32
    assert not jpeg.luma_table.flags.writeable


def test_own_tables_of_a_camera_are_read_as_pillow_reads_them() -> None:
    tables = [RNG.integers(1, 256, 64).tolist() for _ in range(2)]
    data = saved(BLOCKS, "JPEG", qtables=tables)
    jpeg = imaging.decode(data).jpeg
    assert jpeg is not None
    assert jpeg.chroma_table is not None
    assert jpeg.luma_table.ravel().tolist() == tables[0]
    assert jpeg.chroma_table.ravel().tolist() == tables[1]


@pytest.mark.parametrize(
    ("options", "mode", "subsampling", "progressive"),
    [
        ({"subsampling": "4:4:4"}, "RGB", "4:4:4", False),
        ({"subsampling": "4:2:2"}, "RGB", "4:2:2", False),
        ({"subsampling": "4:2:0"}, "RGB", "4:2:0", False),
        ({"progressive": True}, "RGB", "4:2:0", True),
        ({}, "L", "grey", False),
    ],
)
def test_jpeg_facts(options: dict, mode: str, subsampling: str, progressive: bool) -> None:
    jpeg = imaging.decode(saved(Image.fromarray(BLOCKS).convert(mode), "JPEG", **options)).jpeg
    assert jpeg is not None
    assert (jpeg.subsampling, jpeg.progressive) == (subsampling, progressive)
    assert (jpeg.chroma_table is None) == (mode == "L")


@pytest.mark.parametrize(
    ("factors", "subsampling"),
    [
        ((0x41, 0x11, 0x11), "other"),
        ((0x12, 0x11, 0x11), "other"),
        ((0x22, 0x22, 0x22), "4:4:4"),
        ((0x21, 0x11, 0x12), "other"),
    ],
)
def test_rare_subsampling_is_told_from_the_factors(factors: tuple[int, ...], subsampling: str) -> None:
    data = bytearray(saved(BLOCKS, "JPEG"))
    frame = data.find(b"\xff\xc0")
    for component, factor in enumerate(factors):
        data[frame + 11 + 3 * component] = factor
    jpeg = read_jpeg(bytes(data)).jpeg
    assert jpeg is not None
    assert jpeg.subsampling == subsampling


def test_jpeg_pixels_equal_what_pillow_decodes() -> None:
    data = saved(BLOCKS, "JPEG", quality=80, comment=b"x", icc_profile=b"y" * 3000)
    with Image.open(io.BytesIO(data)) as image:
        assert (imaging.decode(data).rgb == np.asarray(image)).all()


def test_name_that_claims_another_format_is_mentioned() -> None:
    picture = imaging.decode(saved(BLOCKS, "PNG"), "holiday.JPG")
    assert picture.warnings == ("“holiday.JPG” ends in .jpg, but its content is PNG; it was read as that.",)


@pytest.mark.parametrize("name", ["holiday.png", "holiday", "holiday.2024", None])
def test_name_that_claims_nothing_wrong_is_not_mentioned(name: str | None) -> None:
    assert imaging.decode(saved(BLOCKS, "PNG"), name).warnings == ()


@pytest.mark.parametrize(
    ("width", "height", "error", "sentence"),
    [
        (12_000, 12_000, ImageTooLarge, "This picture has 144 megapixels; the limit is 40. "),
        (8_000, 5_001, ImageTooLarge, "This picture has 40.1 megapixels; the limit is 40. "),
        (12_001, 20, ImageTooLarge, "This picture is 12,001 pixels wide; the limit is 12,000. "),
        (20, 30_000, ImageTooLarge, "This picture is 30,000 pixels high; the limit is 12,000. "),
        (100, 15, ImageUnreadable, "This picture is 100 × 15 pixels; at least 16 on each side are needed. "),
        (0, 100, ImageUnreadable, "This picture is 0 × 100 pixels; at least 16 on each side are needed. "),
    ],
)
def test_sizes_beyond_the_limits_are_refused(width: int, height: int, error: type, sentence: str) -> None:
    with pytest.raises(error) as refused:
        imaging.decode(png(width, height))
    assert str(refused.value).startswith(sentence)
    assert str(refused.value).removeprefix(sentence).count(".") == 1  # what to do, and no more


@pytest.mark.parametrize(("width", "height"), [(16, 16), (12_000, 16)])
def test_sizes_on_the_limits_are_read(width: int, height: int) -> None:
    assert imaging.decode(png(width, height)).rgb.shape == (height, width, 3)
