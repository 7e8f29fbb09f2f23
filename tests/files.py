"""Builders of picture files, byte by byte where a saving library would not write such a thing."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image

HEADER = b"\x89PNG\r\n\x1a\n"
GREY_TAGS = ((256, 4, 1, 32), (257, 4, 1, 16), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (277, 3, 1, 1))


def saved(image: Image.Image | np.ndarray, file_format: str, **options: object) -> bytes:
    """The file Pillow writes."""
    buffer = io.BytesIO()
    shown = image if isinstance(image, Image.Image) else Image.fromarray(image)
    shown.save(buffer, file_format, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    """One PNG chunk."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(
    width: int, height: int, extra: bytes = b"", bits: int = 1, colour: int = 0, channels: int = 1
) -> bytes:
    """A PNG of zeros, with `extra` chunks before the pixels."""
    row = 1 + (width * bits * channels + 7) // 8
    packer = zlib.compressobj(9)
    pixels = b"".join(packer.compress(b"\0" * row) for _ in range(height)) + packer.flush()
    return png_of(width, height, extra + chunk(b"IDAT", pixels), bits, colour)


def png_of(width: int, height: int, chunks: bytes, bits: int = 1, colour: int = 0) -> bytes:
    """A PNG of exactly these chunks between its header and its end."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return HEADER + header + chunks + chunk(b"IEND", b"")


def squeezed(size: int, letter: bytes = b"A") -> bytes:
    """`size` bytes of one letter, packed by zlib a thousandfold."""
    packer, block = zlib.compressobj(9), letter * 1_000_000
    return b"".join(packer.compress(block) for _ in range(size // len(block))) + packer.flush()


def segment(marker: int, body: bytes) -> bytes:
    """One JPEG segment."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    """The JPEG with segments put in front of all others."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def tiff_structure(
    entries: Iterable[Sequence[int]], tail: bytes = b"", order: str = "<", following: int = 0
) -> bytes:
    """A TIFF directory of (tag, type, count, value or offset), then `tail`; EXIF has the same form.

    Values of type SHORT are packed as such, so that both byte orders work.
    """
    rows = [tuple(entry) for entry in entries]
    packed = b"".join(
        struct.pack(f"{order}HHL", *row[:3])
        + (struct.pack(f"{order}HH", row[3], 0) if row[1] == 3 else struct.pack(f"{order}L", row[3]))
        for row in rows
    )
    magic = b"II*\0" if order == "<" else b"MM\0*"
    start = struct.pack(f"{order}LH", 8, len(rows))
    return magic + start + packed + struct.pack(f"{order}L", following) + tail


def grey_tiff(
    pixels: bytes, bits: int, *, order: str = "<", photometric: int = 1, extra: Sequence = ()
) -> bytes:
    """An uncompressed 32 x 16 grey TIFF."""
    changed = {258: bits, 262: photometric}
    entries = [(tag, kind, count, changed.get(tag, value)) for tag, kind, count, value in GREY_TAGS]
    entries += [(273, 4, 1, 0), (278, 4, 1, 16), (279, 4, 1, len(pixels)), *extra]
    start = 8 + 2 + 12 * len(entries) + 4
    entries[len(GREY_TAGS)] = (273, 4, 1, start)
    return tiff_structure(sorted(entries), pixels, order)


def gif_parts(gif: bytes) -> tuple[bytes, bytes]:
    """Header with palette, and the rest."""
    end = 13 + (6 << (gif[10] & 7) if gif[10] & 0x80 else 0)
    return gif[:end], gif[end:]


def webp(*chunks: tuple[bytes, bytes]) -> bytes:
    """A RIFF file of such chunks."""
    body = b"".join(
        name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
