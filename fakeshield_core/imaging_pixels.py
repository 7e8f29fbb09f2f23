"""Where Pillow decodes a file from outside, nowhere else, and where any kind of pixel becomes RGB."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

# imported so that they are registered: otherwise the first WebP or TIFF makes Pillow load all its plugins
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from fakeshield_core.imaging_header import Header
from fakeshield_core.imaging_refusals import DAMAGED, TRUNCATED, UNUSUAL, Refused

PLUGINS = (
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

TRANSPARENT = "Parts of this picture are transparent; they are analysed as white."
SIXTEEN_BITS = "This picture has 16 bits a channel; it is analysed at 8."
PRINT_COLOURS = "This picture is stored in print colours (CMYK); it is analysed after conversion to RGB."
DEEP_GREY = ("I;16", "I;16B", "I;16L", "I;16N")

# EXIF orientation -> what brings the stored pixels upright (EXIF 2.32, tag 0x0112)
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def open_pixels(header: Header) -> Image.Image:
    """The decoded picture as stored (a TIFF already upright: Pillow turns it itself).

    Raises:
        Refused: it breaks off or is damaged.
    """
    with _errors_translated(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="PIL")  # remarks on odd TIFF fields
        # out of reach while check_size comes first; should that change, a bomb is an error
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        image = Image.open(io.BytesIO(header.pixels), formats=(header.format,))
        image.info.pop("xmp", None)  # else Pillow turns a TIFF by its XMP as well, which no viewer does
        _check_announced(image, header)
        image.load()
    return image


def to_rgb(image: Image.Image, header: Header) -> tuple[Image.Image, tuple[str, ...]]:
    """The picture in mode RGB, and what a person should know about the conversion.

    Transparent parts are laid on white, as most viewers show them; 16 bits are scaled, not clipped.

    Raises:
        Refused: a kind of pixel that has no fixed meaning in RGB, or a damaged palette.
    """
    with _errors_translated():
        if image.mode in DEEP_GREY:
            return _scaled(image, header.grey_ends), (SIXTEEN_BITS,)
        if image.has_transparency_data:
            return _on_white(image)
        if image.mode == "RGB":
            return image, ()
        if image.mode not in ("1", "L", "P", "RGBX", "CMYK", "YCbCr"):
            raise Refused(UNUSUAL.format(f"colours of the kind {image.mode}"))
        return image.convert("RGB"), (PRINT_COLOURS,) if image.mode == "CMYK" else ()


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """The picture turned by its EXIF orientation, 1..8."""
    return image.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else image


@contextmanager
def _errors_translated() -> Iterator[None]:
    """Turns whatever Pillow raises on a damaged file into a refusal.

    That is nearly anything: OSError, SyntaxError, ValueError, struct.error, KeyError, IndexError, TypeError,
    AttributeError, OverflowError and AssertionError were seen in two million mutated files.
    """
    try:
        yield
    except (MemoryError, Refused):
        raise
    except Exception as error:
        raise Refused(TRUNCATED if "truncated" in str(error) else DAMAGED) from error


def _check_announced(image: Image.Image, header: Header) -> None:
    """Two readers must agree on the size, or the limits were checked on another picture."""
    if sorted(image.size) != sorted((header.width, header.height)):
        raise Refused(DAMAGED)


def _scaled(image: Image.Image, grey_ends: tuple[int, int]) -> Image.Image:
    black, white = grey_ends
    levels = np.rint(255 * (np.arange(65536) - black) / (white - black)).clip(0, 255).astype(np.uint8)
    return Image.fromarray(levels[np.asarray(image)]).convert("RGB")


def _on_white(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    rgba = image if image.mode == "RGBA" else image.convert("RGBA")
    alpha = rgba.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return rgba.convert("RGB"), ()
    white = Image.new("RGB", rgba.size, "white")
    white.paste(rgba, mask=alpha)
    return white, (TRANSPARENT,)
