"""Reads a PNG file chunk by chunk, and hands the decoder only the chunks that make pixels.

Compressed text is unpacked within fixed bounds and only far enough to be read by a person.

Source: PNG specification, third edition, sections 5 and 11.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

from fakeshield_core.imaging_header import Header
from fakeshield_core.imaging_metadata import MAX_XMP_BYTES, readable
from fakeshield_core.imaging_refusals import DAMAGED, SWOLLEN, TRUNCATED, Refused

MAX_CHUNKS = 50_000  # writers cut pixels into pieces of 8 KB or more: 3,200 in 25 MB
MAX_UNPACKED_BYTES = 4 * 1024 * 1024  # of one text or profile; real ones stay below 2 MB
MOST_RATIO = 1032  # unpacked bytes from one packed byte (zlib.net/zlib_tech.html)
MAX_UNPACKED_TOTAL = 16 * 1024 * 1024

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PIXEL_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
XMP_KEYWORD = "XML:com.adobe.xmp"
PRESENT = {b"iCCP": "ICC profile", b"caBX": "Content credentials"}


@dataclass(slots=True)
class _Found:
    kept: list[memoryview] = field(default_factory=list)
    seen: set[bytes] = field(default_factory=set)
    frames: int = 1
    exif: bytes | None = None
    xmp: bytes | None = None
    texts: list[tuple[str, str]] = field(default_factory=list)
    unpacked: int = 0  # bytes so far


def read_png(data: bytes) -> Header:
    """The header of a PNG file.

    Raises:
        Refused: it breaks off, is damaged, or built to exhaust the reader.
    """
    view, place, found = memoryview(data), len(SIGNATURE), _Found()
    for _ in range(MAX_CHUNKS):
        body, name = place + 8, data[place + 4 : place + 8]
        end = body + int.from_bytes(data[place : place + 4], "big") + 4
        if end > len(data):
            raise Refused(TRUNCATED)
        if not found.seen and (name != b"IHDR" or end - body != 17):
            raise Refused(DAMAGED)
        if name in PIXEL_CHUNKS:
            found.kept.append(view[place:end])
        else:
            _take_metadata(found, name, view[body : end - 4])
        found.seen.add(name)
        place = end
        if name == b"IEND":
            return _header(data, found)
    raise Refused(SWOLLEN)


def _header(data: bytes, found: _Found) -> Header:
    if b"IDAT" not in found.seen:
        raise Refused(DAMAGED)
    start = len(SIGNATURE) + 8
    plain = found.seen <= PIXEL_CHUNKS
    return Header(
        format="PNG",
        width=int.from_bytes(data[start : start + 4], "big"),
        height=int.from_bytes(data[start + 4 : start + 8], "big"),
        pixels=data if plain else b"".join([SIGNATURE, *found.kept]),
        exif=found.exif,
        xmp=found.xmp,
        texts=tuple(found.texts),
        several=found.frames > 1,
    )


def _take_metadata(found: _Found, name: bytes, body: memoryview) -> None:
    if name == b"acTL":
        found.frames = int.from_bytes(body[:4], "big")
    elif name == b"eXIf":
        found.exif = bytes(body)
    elif name in (b"tEXt", b"zTXt", b"iTXt"):
        _take_text(found, name, bytes(body))
    elif name in PRESENT:
        if name == b"iCCP":
            _unpack(found, bytes(body).partition(b"\0")[2][1:])
        found.texts.append((PRESENT[name], "present"))


def _take_text(found: _Found, name: bytes, body: bytes) -> None:
    keyword, _, rest = body.partition(b"\0")
    packed = name == b"zTXt"
    if packed:
        rest = rest[1:]  # the compression method, always 0
    elif name == b"iTXt":
        packed, rest = rest[:1] == b"\1", rest[2:]
        _language, _, rest = rest.partition(b"\0")
        _translated, _, rest = rest.partition(b"\0")
    text = _unpack(found, rest) if packed else rest
    label = readable(keyword)
    if label == XMP_KEYWORD:
        found.xmp = text[:MAX_XMP_BYTES]
    elif label.startswith("Raw profile type"):
        found.texts.append((label, "present"))  # hexadecimal EXIF or IPTC, which may hold a position
    else:
        found.texts.append((label, readable(text)))


def _unpack(found: _Found, packed: bytes) -> bytes:
    """The unpacked bytes, b"" where they are damaged; what may have come out before the damage counts.

    Raises:
        Refused: more comes out than any picture needs.
    """
    try:
        text = zlib.decompressobj().decompress(packed, MAX_UNPACKED_BYTES + 1)
        found.unpacked += len(text)
    except zlib.error:
        text = b""
        found.unpacked += min(MAX_UNPACKED_BYTES, MOST_RATIO * len(packed))
    if len(text) > MAX_UNPACKED_BYTES or found.unpacked > MAX_UNPACKED_TOTAL:
        raise Refused(SWOLLEN)
    return text
