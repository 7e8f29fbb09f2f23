"""Why a file is refused, in one sentence a person may read, and what it is if it is not a picture.

Readers raise `Refused` with the end of the sentence; `imaging.decode` puts the file's name before it.
"""

from __future__ import annotations

import math
import re
import unicodedata
from typing import NamedTuple

from fakeshield_core.errors import ImageTooLarge, ImageUnreadable

MAX_BYTES = 25 * 1024 * 1024  # of a file
MAX_PIXELS = 40_000_000
MAX_SIDE_PX = 12_000
MIN_SIDE_PX = 16  # below, nothing can be measured: one block of 16 x 16 is the smallest unit of a 4:2:0 JPEG

MEGA_BYTES = 1024 * 1024
NAME_CHARACTERS = 40  # of a file name inside a sentence

TRUNCATED = "breaks off before the picture is complete. Fetch or copy it again, or choose another file."
DAMAGED = (
    "is damaged and cannot be read. Open it in a picture program and save it anew, or choose another file."
)
SWOLLEN = "hides far more data than a picture needs. Save a plain copy of it, or choose another file."
UNKNOWN = "could not be read as a picture. Choose a JPEG, PNG, WebP or TIFF file."
UNUSUAL = "is stored in a way that is not read here ({}). Save it as an ordinary JPEG or PNG, and try again."

PICTURE_ENDINGS = {
    "JPEG": ("jpg", "jpeg", "jpe", "jfif"),
    "PNG": ("png", "apng"),
    "WEBP": ("webp",),
    "TIFF": ("tif", "tiff"),
    "GIF": ("gif",),
    "BMP": ("bmp", "dib"),
}


class Refused(Exception):
    """Internal: the end of a sentence that begins with the file's name."""


class Kind(NamedTuple):
    """What a file is that is no picture we read, and what its owner can do."""

    what: str  # with its article: "a PDF"
    advice: str


class NotAPicture(Refused):
    """Internal: a file of a kind that is known."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(f"is {kind.what}. {kind.advice}")
        self.kind = kind


EXPORT = "Export it as JPEG or PNG, or choose another file."
RAW = Kind("a camera raw file", "Export it as JPEG or TIFF, or choose another file.")
VIDEO = Kind("a video", "Save the frame you doubt as a picture, or choose another file.")
ARCHIVE = Kind("an archive", "Unpack it and choose the picture inside.")
BEGINNINGS = (
    (b"PK\x03\x04", Kind("a ZIP archive or an Office document", "Choose the picture inside instead.")),
    (b"\xd0\xcf\x11\xe0", Kind("an Office document", "Save the picture inside it, or choose another file.")),
    (b"\x1f\x8b", ARCHIVE),
    (b"Rar!", ARCHIVE),
    (b"7z\xbc\xaf", ARCHIVE),
    (b"8BPS", Kind("a Photoshop document", EXPORT)),
    (b"%!PS", Kind("a PostScript drawing", EXPORT)),
    (b"\x00\x00\x00\x0cJXL ", Kind("a JPEG XL picture", EXPORT)),
    (b"\xff\x0a", Kind("a JPEG XL picture", EXPORT)),
    (b"\x00\x00\x00\x0cjP  ", Kind("a JPEG 2000 picture", EXPORT)),
    (b"\xff\x4f\xff\x51", Kind("a JPEG 2000 picture", EXPORT)),
    (b"\x1a\x45\xdf\xa3", VIDEO),
    (b"FUJIFILMCCD-RAW", RAW),
    (b"IIRO", RAW),
    (b"IIU\x00", RAW),
)
HEIC, AVIF = Kind("a HEIC picture", EXPORT), Kind("an AVIF picture", EXPORT)
BRANDS = {
    b"heic": HEIC,
    b"heix": HEIC,
    b"mif1": HEIC,
    b"msf1": HEIC,
    b"hevc": HEIC,
    b"avif": AVIF,
    b"avis": AVIF,
}
PDF = Kind("a PDF", "Save the page as an image, or choose another file.")
WEB_PAGE = Kind("a web page", "Save the picture itself, or choose another file.")
DRAWING = Kind("an SVG drawing", EXPORT)
TEXT = Kind("plain text", "Choose a JPEG, PNG, WebP or TIFF file.")


def foreign_kind(data: bytes) -> Kind | None:
    """What a file is, by its content, if it is known and no picture we read; None otherwise."""
    head = data[:1024]
    if b"%PDF-" in head:
        return PDF
    if head[4:8] == b"ftyp":
        return RAW if head[8:12] == b"crx " else BRANDS.get(head[8:12], VIDEO)
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return VIDEO
    for beginning, kind in BEGINNINGS:
        if head.startswith(beginning):
            return kind
    return _text_kind(head)


def refuse_file(refusal: Refused, filename: str | None) -> ImageUnreadable:
    """The error that tells a person why this file is refused; the name is only quoted, never opened."""
    name, ending = shown_name(filename), _ending(filename)
    if isinstance(refusal, NotAPicture) and any(ending in endings for endings in PICTURE_ENDINGS.values()):
        kind = refusal.kind
        return ImageUnreadable(f"“{name}” ends in .{ending}, but its content is {kind.what}. {kind.advice}")
    return ImageUnreadable(f"“{name}” {refusal}" if name else f"This file {refusal}")


def wrong_ending(filename: str | None, file_format: str) -> str | None:
    """A warning where a picture's name says another picture format than its content."""
    ending = _ending(filename)
    claimed = next((name for name, endings in PICTURE_ENDINGS.items() if ending in endings), None)
    if claimed is None or claimed == file_format:
        return None
    return (
        f"“{shown_name(filename)}” ends in .{ending}, but its content is {file_format}; it was read as that."
    )


def shown_name(filename: str | None) -> str:
    """A file name fit for a sentence: no folders or control characters, at most 40 long, ending kept."""
    base = re.split(r"[/\\]", filename or "")[-1]
    name = printable(base)
    if len(name) <= NAME_CHARACTERS:
        return name
    tail = name[-12:]
    return f"{name[: NAME_CHARACTERS - 1 - len(tail)]}…{tail}"


def printable(text: str) -> str:
    """The text in one line: control, direction and unassigned characters removed, white space collapsed."""
    spaced = " ".join(text.split())
    return "".join(character for character in spaced if unicodedata.category(character)[0] != "C").strip()


def check_bytes(data: bytes, filename: str | None) -> None:
    """Refuses a file that is empty or over 25 MB.

    Raises:
        ImageUnreadable: no bytes.
        ImageTooLarge: too many.
    """
    if not data:
        raise refuse_file(Refused("is empty. Fetch or copy it again, or choose another file."), filename)
    if len(data) > MAX_BYTES:
        size = math.ceil(10 * len(data) / MEGA_BYTES) / 10
        raise ImageTooLarge(
            f"This file has {size:g} MB; the limit is {MAX_BYTES // MEGA_BYTES}. "
            "Save a smaller copy, or crop it to the part you doubt."
        )


def check_size(width: int, height: int, min_side_px: int = MIN_SIDE_PX) -> None:
    """Refuses a picture by its header, before any pixel is decoded.

    Raises:
        ImageTooLarge: over 12,000 pixels a side or 40 megapixels.
        ImageUnreadable: a side below `min_side_px`.
    """
    if max(width, height) > MAX_SIDE_PX:
        long_side = f"{width:,} pixels wide" if width >= height else f"{height:,} pixels high"
        raise ImageTooLarge(
            f"This picture is {long_side}; the limit is {MAX_SIDE_PX:,}. "
            "Save a smaller copy, or crop it to the part you doubt."
        )
    if width * height > MAX_PIXELS:
        mega_pixels = math.ceil(width * height / 100_000) / 10
        shown = f"{mega_pixels:.0f}" if mega_pixels >= 41 else f"{mega_pixels:g}"
        raise ImageTooLarge(
            f"This picture has {shown} megapixels; the limit is {MAX_PIXELS // 1_000_000}. "
            "Save a smaller copy, or crop it to the part you doubt."
        )
    if min(width, height) < min_side_px:
        raise ImageUnreadable(
            f"This picture is {width} × {height} pixels; at least {min_side_px} on each side are needed. "
            "Choose a larger version."
        )


def _ending(filename: str | None) -> str:
    _, dot, ending = shown_name(filename).rpartition(".")
    return ending.lower() if dot else ""


def _text_kind(head: bytes) -> Kind | None:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in text:
        return DRAWING
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return WEB_PAGE
    is_text = head.isascii() and not re.search(rb"[^\t\r\n\x0c\x20-\x7e]", head)
    return TEXT if head and is_text else None
