"""What is read of a file before any pixel is decoded: the word every container reader answers with."""

from __future__ import annotations

from dataclasses import dataclass

from fakeshield_core.picture import JpegFacts


@dataclass(frozen=True, slots=True)
class Header:
    """A picture file, taken apart without decoding it."""

    format: str  # as in PictureFacts
    width: int  # as stored, pixels; the orientation is still to be applied
    height: int
    pixels: bytes  # the file cut down to what the decoder needs: metadata never reaches it
    exif: bytes | None = None  # a TIFF structure
    xmp: bytes | None = None
    texts: tuple[tuple[str, str], ...] = ()  # other fields, name and text
    several: bool = False  # more frames or pages follow the one that is read
    jpeg: JpegFacts | None = None
    grey_ends: tuple[int, int] = (0, 65535)  # values of black and white in a grey picture of more than 8 bits
