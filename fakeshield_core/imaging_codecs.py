"""Scaling, and masks, maps and pictures as files; offered by `imaging`. Nothing is scaled elsewhere."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from fakeshield_core.domain import BoolMask, RgbImage, SoftMap
from fakeshield_core.errors import ImageUnreadable
from fakeshield_core.imaging_pixels import open_pixels
from fakeshield_core.imaging_png import SIGNATURE, read_png
from fakeshield_core.imaging_refusals import MAX_BYTES, Refused, check_size

HALF = 127.5  # a mask pixel counts where the mean of its channels is above: IMDL-BenCo 3efef9b, datasets
NO_MASK = "This is not a mask we read; send a PNG as large as the picture, white where it was tampered with."
NO_MAP = "This is not a map we read; send an 8-bit grey PNG as large as the picture."


def resize_rgb(rgb: RgbImage, height: int, width: int) -> RgbImage:
    """The picture at another size, (height, width, 3): bilinear, averaging when it shrinks."""
    return np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.BILINEAR))


def resize_map(soft_map: SoftMap, height: int, width: int) -> SoftMap:
    """The map at another size, (height, width), 0..1: bilinear in float, averaging when it shrinks.

    Pixel centres correspond (half-pixel rule, as `align_corners=False`).
    """
    if soft_map.shape == (height, width):
        return soft_map.copy()
    image = Image.fromarray(np.ascontiguousarray(soft_map, dtype=np.float32))
    resized = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
    clipped: SoftMap = np.clip(resized, 0.0, 1.0)
    return clipped


def recompress(rgb: RgbImage, quality: int, subsampling: str = "4:2:0") -> RgbImage:
    """The pixels after one JPEG round trip; quality 1..100, subsampling "4:4:4", "4:2:2" or "4:2:0"."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(buffer, formats=("JPEG",)))


def encode_display_jpeg(rgb: RgbImage, quality: int = 85) -> bytes:
    """A JPEG to look at, without metadata; never to be measured on."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def encode_map_png(soft_map: SoftMap) -> bytes:
    """An 8-bit grey PNG of a (H, W) map: 255 x probability, rounded."""
    levels = np.rint(np.clip(soft_map, 0.0, 1.0) * np.float32(255)).astype(np.uint8)
    return _png(Image.fromarray(levels))


def decode_map_png(data: bytes) -> SoftMap:
    """The (H, W) map of an 8-bit grey PNG, 0..1 in steps of 1/255.

    Raises:
        ImageTooLarge: over the limits of a picture.
        ImageUnreadable: anything else that is not such a PNG.
    """
    image = _open_png(data, NO_MAP)
    if image.mode != "L":
        raise ImageUnreadable(NO_MAP)
    return np.asarray(image, dtype=np.float32) / np.float32(255)


def encode_mask_png(mask: BoolMask) -> bytes:
    """A 1-bit PNG of a (H, W) mask, white = tampered."""
    height, width = mask.shape
    packed = np.packbits(mask, axis=1).tobytes()
    return _png(Image.frombytes("1", (width, height), packed))


def decode_mask_png(data: bytes) -> BoolMask:
    """The (H, W) mask of a PNG: True where the mean of its colour channels is above 127.5 of 255.

    Raises:
        ImageTooLarge: over the limits of a picture.
        ImageUnreadable: anything else that is not a PNG of up to 8 bits.
    """
    image = _open_png(data, NO_MASK)
    if image.mode == "1":
        return np.array(image, dtype=np.bool_)
    if image.mode not in ("L", "LA", "P", "RGB", "RGBA"):
        raise ImageUnreadable(NO_MASK)
    channels: npt.NDArray[np.uint8] = np.asarray(image.convert("RGB"))
    mask: BoolMask = channels.sum(axis=2, dtype=np.int32) > 3 * HALF
    return mask


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def _open_png(data: bytes, refusal: str) -> Image.Image:
    if not data.startswith(SIGNATURE) or len(data) > MAX_BYTES:
        raise ImageUnreadable(refusal)
    try:
        header = read_png(data)
        check_size(header.width, header.height, min_side_px=1)
        return open_pixels(header)
    except Refused as error:
        raise ImageUnreadable(refusal) from error
