"""Reads a JPEG file down to its first scan, and hands the decoder only the segments that make pixels.

Why not leave it to Pillow: it walks metadata in Python (25 MB of empty segments: 4.9 CPU-s and 900 MB), and
decodes as many scans as a file has (3,000 tiny ones over 40 megapixels, in 0.4 MB: stopped after 40 CPU-s).

Source: ITU-T T.81, annex B; JFIF 1.02; Adobe technical note 5116 for the APP14 segment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fakeshield_core.imaging_header import Header
from fakeshield_core.imaging_metadata import readable
from fakeshield_core.imaging_refusals import DAMAGED, SWOLLEN, TRUNCATED, UNUSUAL, Refused
from fakeshield_core.jpeg import zigzag
from fakeshield_core.picture import JpegFacts

MAX_SEGMENTS = 4_000  # before the first scan; 25 MB of metadata in full segments are 400
MAX_SCANS = 50  # encoders write 10, optimisers up to about 20; each costs a pass over all pixels

START_OF_SCAN, END_OF_IMAGE, QUANTISATION, COMMENT = 0xDA, 0xD9, 0xDB, 0xFE
APP0, EXIF_OR_XMP, APP2, CONTENT_CREDENTIALS, PHOTOSHOP, ADOBE = 0xE0, 0xE1, 0xE2, 0xEB, 0xED, 0xEE
HUFFMAN_OR_RESTART = {0xC4, 0xCC, 0xDD}
FRAMES_READ = {
    0xC0,
    0xC1,
    0xC2,
    0xC9,
    0xCA,
}  # baseline, extended, progressive; the same with arithmetic coding
FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
PROGRESSIVE = {0xC2, 0xCA}
WITHOUT_LENGTH = {0x00, 0x01, *range(0xD0, 0xD9)}  # stuffed zero, TEM, RST, SOI

EXIF_BEGINNING, XMP_BEGINNING = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
PRESENT = {  # segments that are only mentioned
    (APP2, b"ICC_PROFILE\0"): "ICC profile",
    (APP2, b"MPF\0"): "Further pictures",
    (CONTENT_CREDENTIALS, b"JP"): "Content credentials",
    (PHOTOSHOP, b"Photoshop 3.0\0"): "Photoshop data",
}
ZIGZAG = np.array(zigzag())
SUBSAMPLING = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0"}

_NOT_FILL = re.compile(rb"[^\xff]")
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")


@dataclass(slots=True)
class _Found:
    kept: list[bytes] = field(default_factory=lambda: [b"\xff\xd8"])
    tables: dict[int, npt.NDArray[np.int32]] = field(default_factory=dict)
    frame: tuple[int, bytes] | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    texts: list[tuple[str, str]] = field(default_factory=list)


def read_jpeg(data: bytes) -> Header:
    """The header of a JPEG file.

    Raises:
        Refused: it breaks off, is damaged, of a kind that is not read, or built to exhaust the reader.
    """
    found, place = _Found(), 2
    for _ in range(MAX_SEGMENTS):
        marker, start, end = _next_segment(data, place)
        place = end
        if marker == END_OF_IMAGE:
            raise Refused(DAMAGED)
        if marker == START_OF_SCAN:
            return _header(data, found, start)
        if marker not in WITHOUT_LENGTH:
            _take(found, marker, data[start:end])
    raise Refused(SWOLLEN)


def _next_segment(data: bytes, place: int) -> tuple[int, int, int]:
    """Marker, start at its 0xFF, and end; bytes between segments and fill bytes are passed over."""
    found = _NOT_FILL.search(data, data.find(b"\xff", place)) if data.find(b"\xff", place) >= 0 else None
    if found is None:
        raise Refused(TRUNCATED)
    marker, after = data[found.start()], found.end()
    if marker in WITHOUT_LENGTH or marker == END_OF_IMAGE:
        return marker, after - 2, after
    length = int.from_bytes(data[after : after + 2], "big")
    if after + max(length, 2) > len(data):
        raise Refused(TRUNCATED)
    if length < 2:
        raise Refused(DAMAGED)
    return marker, after - 2, after + length


def _take(found: _Found, marker: int, segment: bytes) -> None:
    body = segment[4:]
    if marker in FRAMES:
        if found.frame is not None:
            raise Refused(DAMAGED)
        found.frame = marker, body
        found.kept.append(segment)
    elif marker == QUANTISATION:
        found.tables.update(_tables(body))
        found.kept.append(segment)
    elif marker in HUFFMAN_OR_RESTART or _says_colours(marker, body):
        found.kept.append(segment)
    else:
        _take_metadata(found, marker, body)


def _says_colours(marker: int, body: bytes) -> bool:
    return (marker == APP0 and body.startswith(b"JFIF\0")) or (marker == ADOBE and body.startswith(b"Adobe"))


def _take_metadata(found: _Found, marker: int, body: bytes) -> None:
    if marker == EXIF_OR_XMP and body.startswith(EXIF_BEGINNING):
        found.exif = found.exif or body[len(EXIF_BEGINNING) :]
    elif marker == EXIF_OR_XMP and body.startswith(XMP_BEGINNING):
        found.xmp = found.xmp or body[len(XMP_BEGINNING) :]
    elif marker == COMMENT:
        found.texts.append(("Comment", readable(body)))
    else:
        names = [
            name for (app, beginning), name in PRESENT.items() if marker == app and body.startswith(beginning)
        ]
        found.texts.extend((name, "present") for name in names)


def _tables(body: bytes) -> dict[int, npt.NDArray[np.int32]]:
    tables = {}
    while body:
        wide, number = body[0] >> 4, body[0] & 15
        size = 128 if wide else 64
        if len(body) < 1 + size:
            raise Refused(DAMAGED)
        steps = np.frombuffer(body[1 : 1 + size], dtype=">u2" if wide else np.uint8)
        table = np.zeros(64, dtype=np.int32)
        table[ZIGZAG] = steps
        tables[number] = table.reshape(8, 8)
        tables[number].setflags(write=False)
        body = body[1 + size :]
    return tables


def _header(data: bytes, found: _Found, scan: int) -> Header:
    if found.frame is None:
        raise Refused(DAMAGED)
    marker, frame = found.frame
    if len(frame) < 6 or len(frame) < 6 + 3 * frame[5]:
        raise Refused(DAMAGED)
    if marker not in FRAMES_READ or frame[0] != 8 or frame[5] not in (1, 3, 4):
        raise Refused(UNUSUAL.format("lossless, hierarchical or more than 8 bits"))
    _check_scans(data, scan)
    return Header(
        format="JPEG",
        width=int.from_bytes(frame[3:5], "big"),
        height=int.from_bytes(frame[1:3], "big"),
        pixels=b"".join([*found.kept, memoryview(data)[scan:]]),
        exif=found.exif,
        xmp=found.xmp,
        texts=tuple(found.texts),
        jpeg=_facts(found, marker, frame),
    )


def _facts(found: _Found, marker: int, frame: bytes) -> JpegFacts:
    components = [
        (frame[at + 1] >> 4, frame[at + 1] & 15, frame[at + 2]) for at in range(6, 6 + 3 * frame[5], 3)
    ]
    luma, chroma = components[0], components[1] if len(components) > 1 else None
    if luma[2] not in found.tables or (chroma and chroma[2] not in found.tables):
        raise Refused(DAMAGED)
    return JpegFacts(
        luma_table=found.tables[luma[2]],
        chroma_table=found.tables[chroma[2]] if chroma else None,
        subsampling=_subsampling([component[:2] for component in components]),
        progressive=marker in PROGRESSIVE,
    )


def _subsampling(factors: list[tuple[int, int]]) -> str:
    """Of luma against chroma, from (horizontal, vertical) sampling factors of each component."""
    if len(factors) == 1:
        return "grey"
    (across, down), (chroma_across, chroma_down) = factors[0], factors[1]
    if factors[1] != factors[2] or not chroma_across or not chroma_down:
        return "other"
    if across % chroma_across or down % chroma_down:
        return "other"
    return SUBSAMPLING.get((across // chroma_across, down // chroma_down), "other")


def _check_scans(data: bytes, place: int) -> None:
    """Refuses more than MAX_SCANS scans; counted exactly only where a quick look finds many."""
    if data.count(b"\xff\xda", place) <= MAX_SCANS:
        return
    scans = 0
    for _ in range(MAX_SEGMENTS):
        found = _MARKER.search(data, place)
        if found is None or data[found.start() + 1] == END_OF_IMAGE:
            return
        scans += data[found.start() + 1] == START_OF_SCAN
        if scans > MAX_SCANS:
            break
        place = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
    raise Refused(SWOLLEN)
