"""Reads the first directory of a TIFF file and refuses what the decoder should not be asked to try.

Source: TIFF 6.0; TIFF/EP and DNG for the marks of camera raw files.
"""

from __future__ import annotations

import struct

import numpy as np

from fakeshield_core.imaging_header import Header
from fakeshield_core.imaging_metadata import MAX_ENTRIES, TYPES, Directory, byte_order, read_directory
from fakeshield_core.imaging_refusals import (
    DAMAGED,
    MAX_PIXELS,
    RAW,
    SWOLLEN,
    TRUNCATED,
    UNUSUAL,
    NotAPicture,
    Refused,
)

MAX_TABLE_ENTRIES = 400_000  # tiles of 16 x 16 in 40 megapixels are 156,250, each with an offset and a length

SUBFILE_TYPE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 0x00FE, 0x0100, 0x0101, 0x0102, 0x0103, 0x0106
STRIP_OFFSETS, STRIP_BYTES, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES = 273, 279, 322, 323, 324, 325
SUB_DIRECTORIES, XMP, SAMPLE_FORMAT, DNG_VERSION = 0x014A, 0x02BC, 0x0153, 0xC612
# none, CCITT (3), LZW, JPEG, deflate (2), LZMA, PackBits, Zstandard; old-style JPEG (6) is refused
COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32946, 34925, 32773, 50000}
MIN_IS_WHITE, UNSIGNED = 0, 1


def read_tiff(data: bytes) -> Header:
    """The header of a TIFF file; its first page is the picture.

    Raises:
        Refused: it breaks off, is damaged, of a kind that is not read, or built to exhaust the reader.
    """
    order = byte_order(data)
    if order is None:
        raise Refused(UNUSUAL.format("BigTIFF"))
    try:
        directory = read_directory(data, struct.unpack_from(f"{order}L", data, 4)[0], order)
    except struct.error as error:
        raise Refused(TRUNCATED) from error
    _check_tables(data, directory)
    _check_kind(data, directory)
    width, height = directory.numbers(data, WIDTH), directory.numbers(data, HEIGHT)
    if not width or not height:
        raise Refused(DAMAGED)
    packet = directory.find(XMP)
    return Header(
        format="TIFF",
        width=width[0],
        height=height[0],
        pixels=data,
        exif=data,
        xmp=data[packet.start : packet.start + packet.size] if packet else None,
        several=directory.next != 0,
        grey_ends=_grey_ends(data, directory),
    )


def _check_kind(data: bytes, directory: Directory) -> None:
    """Refuses camera raw files, whose first page is only a preview, and storage that is not read."""
    is_preview = directory.numbers(data, SUBFILE_TYPE) == (1,) and directory.find(SUB_DIRECTORIES)
    if data[8:10] == b"CR" or directory.find(DNG_VERSION) or is_preview:
        raise NotAPicture(RAW)
    compression = directory.numbers(data, COMPRESSION) or (1,)
    if compression[0] not in COMPRESSIONS:
        raise Refused(UNUSUAL.format("a rare TIFF compression"))
    bits = directory.numbers(data, BITS) or (1,)
    sample = directory.numbers(data, SAMPLE_FORMAT) or (UNSIGNED,)
    if not 1 <= bits[0] <= 16 or sample[0] != UNSIGNED:
        raise Refused(UNUSUAL.format("numbers without a fixed white"))


def _check_tables(data: bytes, directory: Directory) -> None:
    """Refuses overlapping values and tables of strips or tiles that lie outside the file."""
    tables = sum(entry.count for entry in directory.entries if TYPES[entry.type] not in "Bs")
    overlap = sum(entry.size for entry in directory.entries) > len(data)
    if overlap or tables > MAX_TABLE_ENTRIES or directory.announced > MAX_ENTRIES:
        raise Refused(SWOLLEN)
    tile = directory.numbers(data, TILE_WIDTH), directory.numbers(data, TILE_HEIGHT)
    if all(tile) and tile[0][0] * tile[1][0] > MAX_PIXELS:
        raise Refused(SWOLLEN)
    for offsets, sizes in ((STRIP_OFFSETS, STRIP_BYTES), (TILE_OFFSETS, TILE_BYTES)):
        starts = np.array(directory.numbers(data, offsets, MAX_TABLE_ENTRIES), dtype=np.int64)
        lengths = np.array(directory.numbers(data, sizes, MAX_TABLE_ENTRIES), dtype=np.int64)
        if starts.size and starts.size == lengths.size and (starts + lengths).max() > len(data):
            raise Refused(TRUNCATED)


def _grey_ends(data: bytes, directory: Directory) -> tuple[int, int]:
    white = (1 << (directory.numbers(data, BITS) or (16,))[0]) - 1
    return (white, 0) if directory.numbers(data, PHOTOMETRIC) == (MIN_IS_WHITE,) else (0, white)
