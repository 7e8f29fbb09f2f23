"""Near-duplicates: a 64-bit perceptual hash of a picture, and which hashes belong to one scene.

Each bit is the sign of one low-frequency DCT coefficient of the 32 x 32 luma (Zauner 2010, "Implementation
and benchmarking of perceptual image hash functions", with the threshold 0 in place of the median, so that the
hash of the mirrored picture follows from the hash alone).

Measured on the 419 development pictures: a half-size JPEG copy of quality 60 differs by at most 4 bits; of
85,619 pairs from different groups, 13 are within `NEAR_BITS`. The closest two of 240 procedural scenes differ
by 14.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import fft

from fakeshield_core.domain import RgbImage

SAMPLE_PX = 32  # side of the luma the DCT sees
HASH_SIDE = 8  # coefficients kept in each direction
NEAR_BITS = 10  # hashes that differ by at most this many bits show the same scene
BITS = HASH_SIDE * HASH_SIDE
MIRROR_SIGNS = np.tile(np.arange(HASH_SIDE) % 2 == 1, HASH_SIDE)  # odd horizontal waves change sign
CHUNK = 512  # rows compared at once; 512 x 10,000 distances are 5 MB


def perceptual_hash(rgb: RgbImage) -> int:
    """The 64-bit hash of a (H, W, 3) picture, 0..255; bit 63 (mean brightness) is always 0."""
    luma = Image.fromarray(rgb).convert("L").resize((SAMPLE_PX, SAMPLE_PX), Image.Resampling.BOX)
    waves = fft.dctn(np.asarray(luma, dtype=np.float32), norm="ortho")[:HASH_SIDE, :HASH_SIDE]
    bits = (waves > 0).ravel()
    bits[0] = False
    return _number(bits)


def mirrored(value: int) -> int:
    """The hash of the same picture flipped left to right."""
    return value ^ _number(MIRROR_SIGNS)


def distance(first: int, second: int) -> int:
    """Bits in which two hashes differ, 0..64; the smaller of as they are and with one mirrored."""
    return min((first ^ second).bit_count(), (first ^ mirrored(second)).bit_count())


def near_pairs(hashes: Sequence[int], bits: int = NEAR_BITS) -> list[tuple[int, int]]:
    """Index pairs (i, j), i < j, of hashes within `bits` of each other, mirrored or not."""
    return [(i, j) for i, j in _near(hashes, hashes, bits) if i < j]


def near_any(hashes: Sequence[int], others: Sequence[int], bits: int = NEAR_BITS) -> list[bool]:
    """For each hash, whether it is within `bits` of one of the others, mirrored or not."""
    found = {i for i, _ in _near(hashes, others, bits)}
    return [i in found for i in range(len(hashes))]


def _near(left: Sequence[int], right: Sequence[int], bits: int) -> list[tuple[int, int]]:
    rows, columns = np.array(left, dtype=np.uint64), np.array(right, dtype=np.uint64)
    flipped = columns ^ np.uint64(_number(MIRROR_SIGNS))
    found: list[tuple[int, int]] = []
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK, None]
        apart = np.minimum(np.bitwise_count(part ^ columns), np.bitwise_count(part ^ flipped))
        found += [(start + int(i), int(j)) for i, j in np.argwhere(apart <= bits)]
    return found


def _number(bits: npt.NDArray[np.bool_]) -> int:
    return int.from_bytes(np.packbits(bits).tobytes(), "big")
