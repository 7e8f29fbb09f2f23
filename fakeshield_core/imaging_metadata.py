"""What a picture file says in words: EXIF, XMP and text fields, as short harmless strings.

Everything here reads hostile bytes: each loop is bounded, each value is cut, nothing is taken for a path or
markup. Positions on the globe never leave this module: `GPS` reads "present".
"""

from __future__ import annotations

import html
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from PIL import ExifTags

from fakeshield_core.imaging_refusals import printable

MAX_FIELDS = 200
MAX_CHARACTERS = 200  # of a value
MAX_NAME_CHARACTERS = 60
MAX_ENTRIES = 512  # of one directory; cameras write about 60
MAX_VALUES = 8  # numbers shown of a list
MAX_XMP_BYTES = 131_072

ORIENTATION, EXIF_DIRECTORY, GPS_DIRECTORY = 0x0112, 0x8769, 0x8825
USER_COMMENT, VERSIONS = 0x9286, (0x9000, 0xA000)
WINDOWS_TEXT = range(0x9C9B, 0x9CA0)  # XPTitle .. XPSubject, UTF-16
# pointers and tables of where pixels lie, which say nothing about a picture's history
STRUCTURE = {
    EXIF_DIRECTORY,
    GPS_DIRECTORY,
    0xA005,
    0x0111,
    0x0117,
    0x0144,
    0x0145,
    0x014A,
    0x0201,
    0x0202,
    0x02BC,
}

# type number -> struct code and bytes of one value (TIFF 6.0, page 15)
TYPES = {
    1: "B",
    2: "s",
    3: "H",
    4: "L",
    5: "LL",
    6: "b",
    7: "s",
    8: "h",
    9: "l",
    10: "ll",
    11: "f",
    12: "d",
    13: "L",
    16: "Q",  # of BigTIFF, but Pillow takes it anywhere
}
ASCII, RATIONALS, RAW_BYTES = 2, (5, 10), (1, 7)

_XMP_ATTRIBUTE = re.compile(r"([\w-]{1,40}:[\w.-]{1,60})\s{0,9}=\s{0,9}[\"']([^\"'<>]{1,2000})[\"']")
_XMP_ELEMENT = re.compile(r"<([\w-]{1,40}:[\w.-]{1,60})[^<>]{0,2000}>([^<>]{1,2000})</")
_NOT_LATIN = re.compile(rb"[\x80-\xff]{3,}")  # text of another encoding, such as Chinese in GBK
_OLD_PREFIX = re.compile(r"^xap(?=:|MM:)")  # what Adobe called xmp at first
_XMP_STRUCTURE = ("xmlns:", "rdf:", "x:", "xml:")
_PLACE = re.compile(r"gps|latitude|longitude|altitude", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of a TIFF directory; its value stays in the file until asked for."""

    tag: int
    type: int
    count: int
    start: int  # of the value
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class Directory:
    """One TIFF directory."""

    order: str  # "<" or ">", as struct writes it
    entries: tuple[Entry, ...]
    next: int  # offset of the next one, 0 = none
    announced: int  # entries the file says it has; at most MAX_ENTRIES are read

    def find(self, tag: int) -> Entry | None:
        """The last entry of that tag, as other readers take it."""
        return next((entry for entry in reversed(self.entries) if entry.tag == tag), None)

    def numbers(self, data: bytes, tag: int, limit: int = 1) -> tuple[int, ...]:
        """The first unsigned whole numbers of a field, () where it is absent or of another kind."""
        entry = self.find(tag)
        if entry is None or TYPES[entry.type] not in "BHL":
            return ()
        return tuple(int(value) for value in _unpack(data, self.order, entry, limit))


def byte_order(block: bytes) -> str | None:
    """The struct prefix of a TIFF structure, None if it is none."""
    return {b"II*\x00": "<", b"MM\x00*": ">"}.get(block[:4])


def read_directory(block: bytes, offset: int, order: str) -> Directory:
    """The directory at that offset; entries of unknown type or that point outside the block are left out.

    Raises:
        struct.error: the directory itself lies outside the block.
    """
    (count,) = struct.unpack_from(f"{order}H", block, offset)
    entries = []
    for number in range(min(count, MAX_ENTRIES)):
        place = offset + 2 + 12 * number
        if place + 12 > len(block):
            break
        tag, kind, values = struct.unpack_from(f"{order}HHL", block, place)
        if kind not in TYPES:
            continue
        size = values * struct.calcsize(f"={TYPES[kind]}")
        start = place + 8 if size <= 4 else struct.unpack_from(f"{order}L", block, place + 8)[0]
        if start + size <= len(block):
            entries.append(Entry(tag, kind, values, start, size))
    tail = block[offset + 2 + 12 * count :][:4]
    following = struct.unpack(f"{order}L", tail)[0] if len(tail) == 4 else 0
    return Directory(order, tuple(entries), following, count)


def read_orientation(block: bytes | None) -> int:
    """EXIF orientation 1..8 of a TIFF structure; 1 where it is absent or nonsense."""
    try:
        numbers = _first_directory(block).numbers(block, ORIENTATION) if block else ()
    except struct.error:
        return 1
    return numbers[0] if numbers and 1 <= numbers[0] <= 8 else 1


def collect(exif: bytes | None, xmp: bytes | None, texts: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """All fields under one roof, at most 200 of at most 200 characters each.

    Args:
        exif: a TIFF structure; its names are those of the standard ("Software", "DateTimeOriginal").
        xmp: an XMP packet; names carry its prefix ("xmp:CreatorTool", "stEvt:softwareAgent").
        texts: names and texts found elsewhere in the file, taken as they are.

    Returns:
        Name -> text in the order of the file; different values of one name are joined by "; ".
    """
    fields: dict[str, str] = {}
    for name, text in [*_exif_fields(exif), *texts, *_xmp_fields(xmp)]:
        if len(fields) == MAX_FIELDS:
            break
        if _PLACE.search(name):
            fields["GPS"] = "present"
            continue
        short_name, short = printable(name[:MAX_NAME_CHARACTERS]), printable(text[:MAX_CHARACTERS])
        if short_name and short:
            known = fields.get(short_name)
            fields[short_name] = short if known in (None, short) else f"{known}; {short}"[:MAX_CHARACTERS]
    return fields


def _first_directory(block: bytes) -> Directory:
    order = byte_order(block)
    if order is None:
        raise struct.error("no TIFF structure")
    return read_directory(block, struct.unpack_from(f"{order}L", block, 4)[0], order)


def _exif_fields(block: bytes | None) -> list[tuple[str, str]]:
    if not block:
        return []
    try:
        main = _first_directory(block)
    except struct.error:
        return [("EXIF", "cannot be read")]
    fields = list(_entry_fields(block, main))
    for offset in main.numbers(block, EXIF_DIRECTORY):
        try:
            fields.extend(_entry_fields(block, read_directory(block, offset, main.order)))
        except struct.error:
            fields.append(("EXIF", "cannot be read to its end"))
    if main.find(GPS_DIRECTORY):
        fields.append(("GPS", "present"))
    if 0 < main.next < len(block):
        fields.append(("Thumbnail", "present"))
    return fields


def _entry_fields(block: bytes, directory: Directory) -> Iterator[tuple[str, str]]:
    for entry in directory.entries:
        if entry.tag not in STRUCTURE and entry.count:
            yield (
                ExifTags.TAGS.get(entry.tag, f"Tag {entry.tag:#06x}"),
                _entry_text(block, directory.order, entry),
            )


def _entry_text(block: bytes, order: str, entry: Entry) -> str:
    raw = block[entry.start : entry.start + min(entry.size, 4 * MAX_CHARACTERS)]
    if entry.tag in WINDOWS_TEXT:
        return raw.decode("utf-16-le", "ignore").partition("\x00")[0]
    if entry.type == ASCII or entry.tag in VERSIONS:
        return readable(raw.partition(b"\x00")[0])
    if entry.tag == USER_COMMENT:
        return readable(raw[8:].replace(b"\x00", b""))
    if entry.type in RAW_BYTES and entry.size > MAX_VALUES:
        return f"{entry.size} bytes"
    numbers = _unpack(block, order, entry, MAX_VALUES)
    shown = " ".join(f"{number:.0f}" if number % 1 == 0 else f"{number:g}" for number in numbers)
    return shown if entry.count <= MAX_VALUES else f"{shown} …"


def _unpack(block: bytes, order: str, entry: Entry, limit: int) -> list[float]:
    code = TYPES[entry.type].replace("s", "B")
    count = min(entry.count, limit)
    values = struct.unpack_from(f"{order}{code * count}", block, entry.start)
    if entry.type in RATIONALS:
        return [
            top / bottom if bottom else 0.0 for top, bottom in zip(values[::2], values[1::2], strict=True)
        ]
    return list(values)


def _xmp_fields(packet: bytes | None) -> list[tuple[str, str]]:
    if not packet:
        return []
    text = packet[:MAX_XMP_BYTES].decode("utf-8", "ignore")
    found: dict[str, list[str]] = {}
    for name, value in [*_XMP_ATTRIBUTE.findall(text), *_XMP_ELEMENT.findall(text)]:
        if not name.startswith(_XMP_STRUCTURE) and value.strip():
            values = found.setdefault(_OLD_PREFIX.sub("xmp", name), [])
            if len(values) < MAX_VALUES and value not in values:
                values.append(html.unescape(value.strip()))
    return [(name, "; ".join(values)) for name, values in found.items()]


def readable(raw: bytes) -> str:
    """Bytes as text: UTF-8 if they are that, else Latin-1 without runs of letters that no Latin word has."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return _NOT_LATIN.sub(b"", raw).decode("latin-1")
