"""Which reader takes a file, by its first bytes; the name of a file is never believed."""

from __future__ import annotations

from collections.abc import Callable

from fakeshield_core.imaging_header import Header
from fakeshield_core.imaging_jpeg import read_jpeg
from fakeshield_core.imaging_png import SIGNATURE, read_png
from fakeshield_core.imaging_refusals import UNKNOWN, NotAPicture, Refused, foreign_kind
from fakeshield_core.imaging_simple import read_bmp, read_gif, read_webp
from fakeshield_core.imaging_tiff import read_tiff

READERS: tuple[tuple[bytes, Callable[[bytes], Header]], ...] = (
    (b"\xff\xd8\xff", read_jpeg),
    (SIGNATURE, read_png),
    (b"RIFF", read_webp),
    (b"II*\x00", read_tiff),
    (b"MM\x00*", read_tiff),
    (b"II+\x00", read_tiff),
    (b"MM\x00+", read_tiff),
    (b"GIF87a", read_gif),
    (b"GIF89a", read_gif),
    (b"BM", read_bmp),
)


def read_header(data: bytes) -> Header:
    """A file taken apart without decoding it.

    Raises:
        Refused: no picture we read, damaged, cut off, or built to exhaust the reader.
    """
    for beginning, reader in READERS:
        if data.startswith(beginning) and (beginning != b"RIFF" or data[8:12] == b"WEBP"):
            return reader(data)
    kind = foreign_kind(data)
    raise NotAPicture(kind) if kind else Refused(UNKNOWN)
