"""Reads the headers of GIF, WebP and BMP files.

Sources: GIF89a; RFC 9649 (WebP); the BITMAPINFOHEADER of Windows.
"""

from __future__ import annotations

from fakeshield_core.imaging_header import Header
from fakeshield_core.imaging_metadata import readable
from fakeshield_core.imaging_refusals import DAMAGED, SWOLLEN, TRUNCATED, UNUSUAL, Refused

MAX_BLOCKS = 200_000  # of a GIF up to its second frame; 25 MB in full blocks of 255 bytes are 98,000
MAX_CHUNKS = 50_000  # of a WebP
GIF_EXTENSION, GIF_IMAGE, GIF_END = 0x21, 0x2C, 0x3B
GIF_CONTROL, GIF_COMMENT = 0xF9, 0xFE
BMP_PLAIN = {
    0,
    3,
    6,
}  # uncompressed, with colour masks or without; run lengths are unpacked in Python by Pillow


def read_gif(data: bytes) -> Header:
    """The header of a GIF file, cut down to its first frame.

    Raises:
        Refused: it breaks off before the first frame ends, is damaged, or built to exhaust the reader.
    """
    screen_end = 13 + _palette_bytes(_at(data, 10))
    place, control = screen_end, b""
    texts: list[tuple[str, str]] = []
    for _ in range(MAX_BLOCKS):
        block = _at(data, place)
        if block == GIF_IMAGE:
            return _gif_header(data, screen_end, place, control, texts)
        if block != GIF_EXTENSION:
            raise Refused(DAMAGED)
        end = _skip_blocks(data, place + 2)
        if data[place + 1] == GIF_CONTROL:
            control = data[place:end]
        elif data[place + 1] == GIF_COMMENT:
            texts.append(("Comment", readable(data[place + 3 : min(end - 1, place + 3 + data[place + 2])])))
        place = end
    raise Refused(SWOLLEN)


def _gif_header(
    data: bytes, screen_end: int, place: int, control: bytes, texts: list[tuple[str, str]]
) -> Header:
    if place + 10 > len(data):
        raise Refused(TRUNCATED)
    left, top, across, down = (_little(data, place + 1 + 2 * number, 2) for number in range(4))
    end = _skip_blocks(data, place + 11 + _palette_bytes(data[place + 9]))
    return Header(
        format="GIF",
        width=max(
            _little(data, 6, 2), left + across
        ),  # a frame may reach beyond the screen; Pillow widens it
        height=max(_little(data, 8, 2), top + down),
        pixels=data[:screen_end] + control + data[place:end] + bytes([GIF_END]),
        texts=tuple(texts[:1]),
        several=_another_frame(data, end),
    )


def _another_frame(data: bytes, place: int) -> bool:
    for _ in range(MAX_BLOCKS):
        if place >= len(data) or data[place] != GIF_EXTENSION:
            break
        try:
            place = _skip_blocks(data, place + 2)
        except Refused:
            return False  # what follows the first frame is never read, so it may be cut off
    return place < len(data) and data[place] == GIF_IMAGE


def _skip_blocks(data: bytes, place: int) -> int:
    for _ in range(MAX_BLOCKS):
        size = _at(data, place)
        place += 1 + size
        if size == 0:
            return place
    raise Refused(SWOLLEN)


def _palette_bytes(flags: int) -> int:
    return 6 << (flags & 7) if flags & 0x80 else 0


def read_webp(data: bytes) -> Header:
    """The header of a WebP file.

    Raises:
        Refused: it breaks off, is damaged, or built to exhaust the reader.
    """
    if 8 + _little(data, 4, 4) > len(data):
        raise Refused(TRUNCATED)
    size: tuple[int, int] | None = None
    found: dict[bytes, bytes] = {}
    frames, place = 0, 12
    for _ in range(MAX_CHUNKS):
        name, length = data[place : place + 4], _little(data, place + 4, 4)
        if len(name) < 4:
            return _webp_header(data, size, found, frames)
        body = (
            data[place + 8 : place + 8 + length]
            if name in (b"EXIF", b"XMP ")
            else data[place + 8 : place + 18]
        )
        size = size or _webp_size(name, body)
        frames += name == b"ANMF"
        found.setdefault(name, body)
        place += 8 + length + length % 2
    raise Refused(SWOLLEN)


def _webp_header(data: bytes, size: tuple[int, int] | None, found: dict[bytes, bytes], frames: int) -> Header:
    if size is None:
        raise Refused(DAMAGED)
    exif = found.get(b"EXIF")
    names = {b"ICCP": "ICC profile", b"C2PA": "Content credentials"}
    return Header(
        format="WEBP",
        width=size[0],
        height=size[1],
        pixels=data,
        exif=exif.removeprefix(b"Exif\0\0") if exif else None,
        xmp=found.get(b"XMP "),
        texts=tuple((label, "present") for name, label in names.items() if name in found),
        several=frames > 1,
    )


def _webp_size(name: bytes, body: bytes) -> tuple[int, int] | None:
    """Canvas size of a VP8X chunk, picture size of a VP8 or VP8L chunk, None for any other."""
    if len(body) < 10:
        return None
    if name == b"VP8X":
        return 1 + _little(body, 4, 3), 1 + _little(body, 7, 3)
    if name == b"VP8 ":
        return _little(body, 6, 2) & 0x3FFF, _little(body, 8, 2) & 0x3FFF
    if name == b"VP8L":
        bits = _little(body, 1, 4)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return None


def read_bmp(data: bytes) -> Header:
    """The header of a BMP file.

    Raises:
        Refused: it breaks off, or its pixels are run lengths or hold another format.
    """
    if len(data) < 30:
        raise Refused(TRUNCATED)
    start, header_bytes = _little(data, 10, 4), _little(data, 14, 4)
    if header_bytes == 12:
        width, height, bits, compression = _little(data, 18, 2), _little(data, 20, 2), _little(data, 24, 2), 0
    else:
        width, height = _little(data, 18, 4), abs(int.from_bytes(data[22:26], "little", signed=True))
        bits, compression = _little(data, 28, 2), _little(data, 30, 4)
    if compression not in BMP_PLAIN:
        raise Refused(UNUSUAL.format("a compressed BMP"))
    if start + (width * bits + 31) // 32 * 4 * height > len(data):
        raise Refused(TRUNCATED)
    return Header(format="BMP", width=width, height=height, pixels=data)


def _little(data: bytes, place: int, size: int) -> int:
    return int.from_bytes(data[place : place + size], "little")


def _at(data: bytes, place: int) -> int:
    if place >= len(data):
        raise Refused(TRUNCATED)
    return data[place]
