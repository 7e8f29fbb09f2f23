"""Tables and the block transform of the JPEG standard (ITU-T T.81) that several parts need."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.int32]  # (8, 8) quantisation steps, natural order
Coefficients = npt.NDArray[np.float32]  # (blocks, frequencies), orthonormal DCT-II of luma minus 128
BLOCK_PX = 8
MIDDLE = 128.0  # grey level that JPEG subtracts

# Annex K.1 and K.2; scaled by quality as jpeg_quality_scaling() of libjpeg (jcparam.c)
STANDARD_LUMA = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    dtype=np.int32,
)
STANDARD_CHROMA = np.full((8, 8), 99, dtype=np.int32)
STANDARD_CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]


def standard_table(base: Table, quality: int) -> Table:
    """The table that libjpeg makes of a base table.

    Args:
        base: (8, 8) of the standard.
        quality: 1..100.
    """
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((base * scale + 50) // 100, 1, 255)


def zigzag() -> list[int]:
    """Natural place (8 * row + column) of each coefficient as stored: along diagonals, to and fro."""
    return sorted(range(64), key=lambda k: (k // 8 + k % 8, (k // 8 if (k // 8 + k % 8) % 2 else k % 8)))


def coefficients(plane: npt.NDArray[np.float32], frequencies: Sequence[int]) -> Coefficients:
    """Those of each whole 8 x 8 block, row by row.

    Args:
        plane: (H, W), grey levels.
        frequencies: natural places, 8 * vertical + horizontal frequency.
    """
    rows, columns = plane.shape[0] // BLOCK_PX, plane.shape[1] // BLOCK_PX
    whole = plane[: rows * BLOCK_PX, : columns * BLOCK_PX] - np.float32(MIDDLE)
    tiled = whole.reshape(rows, BLOCK_PX, columns, BLOCK_PX).swapaxes(1, 2).reshape(-1, BLOCK_PX**2)
    basis = np.kron(cosines(), cosines())[list(frequencies)]
    return np.asarray(tiled @ np.asarray(basis, np.float32).T, np.float32)


def cosines() -> npt.NDArray[np.float64]:
    """(8, 8) orthonormal DCT-II, a frequency a row (ITU-T T.81, A.3.3)."""
    places = np.arange(BLOCK_PX)
    basis = np.sqrt(2 / BLOCK_PX) * np.cos((2 * places + 1) * places[:, None] * np.pi / (2 * BLOCK_PX))
    basis[0] /= np.sqrt(2)
    return np.asarray(basis, np.float64)
