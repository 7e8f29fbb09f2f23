"""Pictures in and out: `decode` is the only door for bytes a person gives, and nothing is scaled elsewhere.

A file is first taken apart by our own bounded reader of its container (`imaging_jpeg`, `imaging_png`, ...),
then checked against the size limits, and only then are its pixels decoded, from a copy without metadata.
"""

from __future__ import annotations

import hashlib

import numpy as np

from fakeshield_core.domain import PictureFacts
from fakeshield_core.imaging_codecs import (
    decode_map_png,
    decode_mask_png,
    encode_display_jpeg,
    encode_map_png,
    encode_mask_png,
    recompress,
    resize_map,
    resize_rgb,
)
from fakeshield_core.imaging_containers import read_header
from fakeshield_core.imaging_metadata import collect, read_orientation
from fakeshield_core.imaging_pixels import open_pixels, to_rgb, upright
from fakeshield_core.imaging_refusals import (
    MAX_BYTES,
    MAX_PIXELS,
    MAX_SIDE_PX,
    MIN_SIDE_PX,
    Refused,
    check_bytes,
    check_size,
    refuse_file,
    wrong_ending,
)
from fakeshield_core.picture import Picture

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "MAX_SIDE_PX",
    "MIN_SIDE_PX",
    "decode",
    "decode_map_png",
    "decode_mask_png",
    "encode_display_jpeg",
    "encode_map_png",
    "encode_mask_png",
    "recompress",
    "resize_map",
    "resize_rgb",
]

SEVERAL = "This file holds more than one picture; only the first is analysed."


def decode(data: bytes, filename: str | None = None) -> Picture:
    """The picture in a file: JPEG, PNG, WebP, TIFF, GIF or BMP, by its content.

    Args:
        data: the whole file.
        filename: as the person knows it; quoted in sentences, never opened or believed.

    Returns:
        Upright RGB pixels (8 bits, read-only), the file's facts, metadata and warnings.

    Raises:
        ImageTooLarge: over 25 MB, 40 megapixels or 12,000 pixels a side; known before any pixel is decoded.
        ImageUnreadable: no picture, damaged, cut off, or below 16 pixels a side; the sentence says which.
    """
    check_bytes(data, filename)
    try:
        header = read_header(data)
        check_size(header.width, header.height)
        image, notes = to_rgb(open_pixels(header), header)
    except Refused as refusal:
        raise refuse_file(refusal, filename) from refusal
    orientation = read_orientation(header.exif)
    image = image if header.format == "TIFF" else upright(image, orientation)
    rgb = np.asarray(image)
    rgb.setflags(write=False)
    ending = wrong_ending(filename, header.format)
    return Picture(
        facts=PictureFacts(
            sha256=hashlib.sha256(data).hexdigest(),
            width=image.width,
            height=image.height,
            format=header.format,
            orientation=orientation,
            bytes=len(data),
        ),
        data=data,
        rgb=rgb,
        jpeg=header.jpeg,
        metadata=collect(header.exif, header.xmp, header.texts),
        warnings=tuple(filter(None, (ending, SEVERAL if header.several else None, *notes))),
    )
