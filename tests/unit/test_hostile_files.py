"""Files that are no pictures, broken, or built to exhaust the server: refused in a sentence, at once."""

from __future__ import annotations

import struct
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from fakeshield_core import imaging
from fakeshield_core.errors import FakeShieldError, ImageTooLarge, ImageUnreadable
from tests.files import (
    chunk,
    gif_parts,
    grey_tiff,
    png,
    png_of,
    saved,
    segment,
    squeezed,
    tiff_structure,
    webp,
    with_segments,
)

MEGA = 1024 * 1024
NOISE = np.random.default_rng(1).integers(0, 256, (64, 96, 3), dtype=np.uint8)
BLANK = Image.new("RGB", (64, 64), (90, 120, 40))
CUT = "breaks off before the picture is complete. Fetch or copy it again, or choose another file."
SWOLLEN = "hides far more data than a picture needs. Save a plain copy of it, or choose another file."


def refusal(data: bytes, filename: str | None = "photo.jpg") -> str:
    """The sentence a person reads."""
    with pytest.raises(FakeShieldError) as refused:
        imaging.decode(data, filename)
    assert type(refused.value) in (ImageUnreadable, ImageTooLarge)
    return str(refused.value)


@pytest.fixture
def no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes any attempt to open the file with the decoder an error of its own."""

    def opened(*_: object, **__: object) -> None:
        pytest.fail("the decoder was asked before the limits were checked")

    monkeypatch.setattr(Image, "open", opened)


@pytest.mark.usefixtures("no_decoder")
@pytest.mark.parametrize(
    ("side", "sentence"),
    [
        pytest.param(
            10_000, "This picture has 100 megapixels; the limit is 40.", id="100 megapixels in 12 KB"
        ),
        pytest.param(
            12_000, "This picture has 144 megapixels; the limit is 40.", id="144 megapixels in 18 KB"
        ),
        pytest.param(30_000, "This picture is 30,000 pixels wide; the limit is 12,000.", id="30,000 a side"),
    ],
)
def test_huge_png_is_refused_from_its_header(side: int, sentence: str) -> None:
    data = png(side, side)
    assert len(data) < 120_000
    assert refusal(data) == f"{sentence} Save a smaller copy, or crop it to the part you doubt."


BOMB, SMALL_BOMB = squeezed(200_000_000), squeezed(1_000_000)
DAMAGED_BOMB = squeezed(3_900_000)[:-8] + b"damaged!"  # fails when nearly all of it has come out


@pytest.mark.usefixtures("no_decoder")
@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param(chunk(b"zTXt", b"note\0\0" + BOMB), id="zTXt"),
        pytest.param(chunk(b"iTXt", b"note\0\1\0\0\0" + BOMB), id="iTXt"),
        pytest.param(chunk(b"iCCP", b"profile\0\0" + BOMB), id="iCCP"),
        pytest.param(100 * chunk(b"zTXt", b"note\0\0" + SMALL_BOMB), id="a hundred of 1 MB"),
        pytest.param(100 * chunk(b"zTXt", b"note\0\0" + DAMAGED_BOMB), id="a hundred damaged ones"),
    ],
)
def test_text_that_unpacks_to_200_megabytes_is_refused_within_a_few(chunks: bytes) -> None:
    data = png(64, 64, chunks)
    tracemalloc.start()
    try:
        assert refusal(data) == f"“photo.jpg” {SWOLLEN}"
        assert tracemalloc.get_traced_memory()[1] < 32 * MEGA
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_file_that_breaks_off_is_refused(file_format: str, share: float) -> None:
    data = saved(NOISE, file_format)
    assert refusal(data[: int(share * len(data))]) == f"“photo.jpg” {CUT}"


@pytest.mark.parametrize(
    ("beginning", "what"),
    [
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF. Save the page as an image, or choose another file."),
        (b"<!DOCTYPE html><html>", "a web page. Save the picture itself, or choose another file."),
        (b"\xef\xbb\xbf\n <HTML>", "a web page. Save the picture itself, or choose another file."),
        (b"<?xml version='1.0'?><svg xmlns='x'>", "an SVG drawing. Export it as JPEG or PNG, "),
        (b"\0\0\0\x18ftypheic\0\0", "a HEIC picture. Export it as JPEG or PNG, or choose another file."),
        (b"\0\0\0\x1cftypavif\0\0", "an AVIF picture. Export it as JPEG or PNG, or choose another file."),
        (b"\0\0\0\x18ftypcrx \0\0", "a camera raw file. Export it as JPEG or TIFF, or choose another file."),
        (
            b"\0\0\0\x20ftypisom\0\0",
            "a video. Save the frame you doubt as a picture, or choose another file.",
        ),
        (
            b"RIFF\x24\0\0\0AVI LIST",
            "a video. Save the frame you doubt as a picture, or choose another file.",
        ),
        (b"PK\x03\x04\x14\0", "a ZIP archive or an Office document. Choose the picture inside instead."),
        (b"8BPS\0\x01", "a Photoshop document. Export it as JPEG or PNG, or choose another file."),
        (b"just some words\n", "plain text. Choose a JPEG, PNG, WebP or TIFF file."),
    ],
)
def test_file_of_another_kind_is_named_and_helped(beginning: bytes, what: str) -> None:
    assert refusal(beginning, "invoice.jpg").startswith(
        f"“invoice.jpg” ends in .jpg, but its content is {what}"
    )
    assert refusal(beginning, "invoice").startswith(f"“invoice” is {what}")
    assert refusal(beginning, None).startswith(f"This file is {what}")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "“photo.jpg” is empty. Fetch or copy it again, or choose another file."),
        (
            b"\x00\x01\x02\x03",
            "“photo.jpg” could not be read as a picture. Choose a JPEG, PNG, WebP or TIFF file.",
        ),
        (
            b"RIFF\x24\0\0\0WAVEfmt ",
            "“photo.jpg” could not be read as a picture. Choose a JPEG, PNG, WebP or TIFF file.",
        ),
        (
            b"\0" * (25 * MEGA + 1),
            "This file has 25.1 MB; the limit is 25. Save a smaller copy, or crop it to the part ",
        ),
    ],
    ids=["empty", "noise", "sound", "over 25 MB"],
)
def test_file_without_a_picture_is_refused(data: bytes, sentence: str) -> None:
    assert refusal(data).startswith(sentence)


@pytest.mark.parametrize(
    ("filename", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\scan.pdf", "scan.pdf"),
        ("a\x00b\nc\u202egnp.exe", "ab cgnp.exe"),
        ("long " * 30 + "name.final.jpeg", "long long long long long lo…e.final.jpeg"),
    ],
)
def test_name_in_a_sentence_is_short_and_harmless(filename: str, shown: str) -> None:
    assert refusal(b"\x00\x01", filename).startswith(f"“{shown}” could not be read")


@pytest.mark.parametrize("filename", ["", "///", "\x00"])
def test_name_without_letters_is_left_out(filename: str) -> None:
    assert refusal(b"\x00\x01", filename).startswith("This file could not be read")


def _jpeg(**options: object) -> bytes:
    return saved(BLANK, "JPEG", **options)


def _progressive_with_many_scans() -> bytes:
    data = saved(Image.new("RGB", (1000, 1000)), "JPEG", progressive=True)
    last, end = data.rfind(b"\xff\xda"), data.rfind(b"\xff\xd9")
    return data[:last] + data[last:end] * 500 + data[end:]


def _gif_with_comment(blocks: bytes) -> bytes:
    screen, rest = gif_parts(saved(BLANK, "GIF"))
    return screen + b"\x21\xfe" + blocks + b"\0" + rest


def _tiff(extra: tuple[tuple[int, ...], ...]) -> bytes:
    return grey_tiff(b"\0" * 512, 8, extra=extra)


FLOODS: dict[str, Callable[[], bytes]] = {
    "jpeg of empty segments": lambda: with_segments(_jpeg(), segment(0xE5, b"") * 6_000_000),
    "jpeg of stuffed zeros": lambda: with_segments(_jpeg(), b"\xff\0" * 10_000_000),
    "jpeg of many scans": _progressive_with_many_scans,
    "gif of tiny comment blocks": lambda: _gif_with_comment(b"\1c" * 6_000_000),
    "gif of many extensions": lambda: _gif_with_comment(b"\1c\0\x21\xfe" * 4_000_000 + b"\1c"),
    "png of empty chunks": lambda: png(64, 64, chunk(b"tEXt", b"") * 2_000_000),
    "webp of empty chunks": lambda: webp(*[(b"abcd", b"")] * 60_000),
    "tiff of overlapping values": lambda: _tiff(tuple((60_000 + at, 7, 500, 8) for at in range(100))),
    "tiff of too many fields": lambda: _tiff(tuple((1_000 + at, 4, 1, 8) for at in range(600))),
    "tiff of endless tables": lambda: tiff_structure([(60_000, 4, 500_000, 26)], b"\0" * 2_000_100),
    "tiff of one giant tile": lambda: _tiff(((322, 4, 1, 65_536), (323, 4, 1, 65_536))),
}


@pytest.mark.usefixtures("no_decoder")
@pytest.mark.parametrize("name", FLOODS)
def test_flood_is_refused_before_the_decoder_sees_it(name: str) -> None:
    data = FLOODS[name]()
    started = time.process_time()
    assert refusal(data) == f"“photo.jpg” {SWOLLEN}"
    assert time.process_time() - started < 1  # 0.15 CPU-s at most as measured


HARMLESS: dict[str, Callable[[], bytes]] = {
    "60 KB of EXIF": lambda: _jpeg(exif=_long_exif()),
    "25 MB of fill bytes": lambda: with_segments(_jpeg(), b"\xff" * 25_000_000),
    "25 MB of application data": lambda: with_segments(
        _jpeg(), segment(0xED, b"Photoshop 3.0\0" + b"8BIM" * 16_000) * 390
    ),
    "EXIF whose values overlap": lambda: with_segments(
        _jpeg(), segment(0xE1, b"Exif\0\0" + _overlapping_exif())
    ),
    "EXIF that points outside": lambda: with_segments(
        _jpeg(), segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff")
    ),
    "25 MB of GIF comment": lambda: _gif_with_comment((b"\xff" + b"c" * 255) * 95_000),
    "GIF of 200 frames": lambda: saved(
        BLANK, "GIF", save_all=True, append_images=[BLANK.rotate(at) for at in range(199)]
    ),
    "pixels that unpack to 200 MB": lambda: png_of(64, 64, chunk(b"IDAT", squeezed(200_000_000, b"\0"))),
    "second page that is the first": lambda: saved(BLANK, "TIFF")[:-4] + struct.pack("<L", 8),
}


def _long_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0110] = "X" * 60_000
    return exif


def _overlapping_exif() -> bytes:
    return tiff_structure([(1_000 + at, 7, 50_000, 8) for at in range(5_000)])[:65_000]


@pytest.mark.parametrize("name", HARMLESS)
def test_odd_but_harmless_file_is_read_in_bounds(name: str) -> None:
    data = HARMLESS[name]()
    started = time.process_time()
    picture = imaging.decode(data)
    assert picture.rgb.shape == (64, 64, 3)
    assert time.process_time() - started < 1  # 0.1 CPU-s at most as measured
    assert len(picture.metadata) <= 200
    assert all(len(text) <= 200 for text in picture.metadata.values())


@pytest.mark.parametrize(
    ("data", "what"),
    [
        pytest.param(_tiff(((50706, 1, 4, 1),)), "a camera raw file", id="DNG"),
        pytest.param(
            grey_tiff(b"\0" * 512, 8, extra=((254, 4, 1, 1), (330, 4, 1, 8))), "a camera raw file", id="NEF"
        ),
        pytest.param(b"II+\0\x08\0\0\0" + b"\0" * 20, "(BigTIFF)", id="BigTIFF"),
        pytest.param(grey_tiff(b"\0" * 512, 0), "(numbers without a fixed white)", id="no bits"),
        pytest.param(grey_tiff(b"\0" * 2048, 32), "(numbers without a fixed white)", id="32 bits"),
        pytest.param(
            grey_tiff(b"\0" * 512, 8, extra=((339, 3, 1, 3),)), "(numbers without a fixed white)", id="float"
        ),
        pytest.param(
            saved(Image.fromarray(NOISE).convert("LAB"), "TIFF"), "(colours of the kind LAB)", id="LAB"
        ),
        pytest.param(
            _jpeg().replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c"),
            "more than 8 bits",
            id="12-bit JPEG",
        ),
        pytest.param(_jpeg().replace(b"\xff\xc0", b"\xff\xc3"), "lossless", id="lossless JPEG"),
        pytest.param(
            b"BM" + struct.pack("<IIIIiiHHI", 99, 0, 54, 40, 64, 64, 1, 8, 1) + b"\0" * 9999,
            "compressed BMP",
            id="RLE",
        ),
    ],
)
def test_storage_that_is_not_read_is_named(data: bytes, what: str) -> None:
    assert what in refusal(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(png(64, 64).replace(b"IHDR", b"IHDX"), id="png without header"),
        pytest.param(png_of(64, 64, chunk(b"IDAT", b"\xff" * 99)), id="png whose pixels do not unpack"),
        pytest.param(png_of(64, 64, b""), id="png without pixels"),
        pytest.param(png(64, 64, bits=8, colour=3), id="png whose palette is missing"),
        pytest.param(_jpeg().replace(b"\xff\xc0", b"\xff\xe9"), id="jpeg without frame"),
        pytest.param(_jpeg().replace(b"\xff\xdb", b"\xff\xe9"), id="jpeg without tables"),
        pytest.param(_jpeg()[:2] + b"\xff\xd9" * 9, id="jpeg that ends at once"),
        pytest.param(webp((b"ICCP", b"x" * 40)), id="webp without picture"),
        pytest.param(webp((b"VP8X", b"\0" * 10), (b"VP8 ", b"\0" * 20)), id="webp of zeros"),
        pytest.param(tiff_structure([(257, 4, 1, 64)], b"\0" * 99), id="tiff without width"),
        pytest.param(
            tiff_structure([(256, 9, 1, 64), (257, 9, 1, 64)], b"\0" * 99), id="tiff of signed size"
        ),
        pytest.param(gif_parts(saved(BLANK, "GIF"))[0] + b"\x99" * 99, id="gif of unknown blocks"),
    ],
)
def test_damaged_file_is_refused(data: bytes) -> None:
    sentence = refusal(data)
    assert sentence.startswith(
        ("“photo.jpg” is damaged and cannot be read. ", "This picture is 1 × 1 pixels; ")
    )


def test_two_readers_must_agree_on_the_size() -> None:
    # the frame reaches beyond the announced screen, which a decoder may widen after the limits were checked
    screen, rest = gif_parts(saved(BLANK, "GIF"))
    at = rest.find(b"\x2c")
    wide = screen + rest[: at + 5] + struct.pack("<HH", 60_000, 60_000) + rest[at + 9 :]
    assert refusal(wide).startswith("This picture is 60,000 pixels wide")
