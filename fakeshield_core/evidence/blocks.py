"""Pictures as 8 x 8 blocks: which are measured, what each looks like, and a grid as a picture-sized plane.

Every measurement stays inside its block, so a picture too large to measure whole is measured on some of its
blocks at native scale; it is never shrunk, which would erase what is being looked for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from fakeshield_core import jpeg
from fakeshield_core.domain import Plane, RgbImage

BLOCK_PX = jpeg.BLOCK_PX  # error level is exact per block, and grid lines do not enter the noise
TILE_PX = 32  # side of the square that is measured in each cell of a large picture
MEASURED_PX = 4_000_000  # above this only one tile per cell is measured
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, as JPEG
CLIPPED_LOW, CLIPPED_HIGH = 6.0, 249.0  # grey levels; beyond them noise is cut off
FLAT_LEVELS = 1  # grey levels

Scalar = TypeVar("Scalar", bound=np.generic)
Blocks = npt.NDArray[np.float32]  # (h, w, 8, 8), grey levels


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which blocks of a (height, width) picture are measured."""

    height: int
    width: int
    step: int  # cells are step tiles wide and high, one tile of each is measured; 1: every block

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> Sampling:
        """The sampling of a picture or mask of that shape (H, W, ...)."""
        height, width = shape[:2]
        return cls(height, width, max(1, math.ceil(math.sqrt(height * width / MEASURED_PX))))

    @property
    def grid_hw(self) -> tuple[int, int]:
        """Rows and columns of the block grid; (0, 0) for a picture without a whole block."""
        if self.step == 1:
            return self.height // BLOCK_PX, self.width // BLOCK_PX
        cell = self.step * TILE_PX
        return self.height // cell * (TILE_PX // BLOCK_PX), self.width // cell * (TILE_PX // BLOCK_PX)

    def take(self, array: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
        """The measured pixels of an (H, W, ...) array side by side: (8h, 8w, ...) for a grid of (h, w)."""
        rows, columns = self.grid_hw
        if self.step == 1:
            return array[: rows * BLOCK_PX, : columns * BLOCK_PX]
        cell, start = self.step * TILE_PX, (self.step - 1) // 2 * TILE_PX
        down, across = self.height // cell, self.width // cell
        cells = array[: down * cell, : across * cell].reshape(down, cell, across, cell, *array.shape[2:])
        tiles = cells[:, start : start + TILE_PX, :, start : start + TILE_PX]
        return tiles.reshape(down * TILE_PX, across * TILE_PX, *array.shape[2:])

    def spread(self, grid: Plane) -> Plane:
        """A block grid as a smooth (H, W) plane; what the grid does not reach repeats its edge."""
        rows, columns = grid.shape
        scale = BLOCK_PX * self.step
        image = Image.fromarray(np.ascontiguousarray(grid, dtype=np.float32))
        plane = np.asarray(image.resize((columns * scale, rows * scale), Image.Resampling.BILINEAR))
        missing = ((0, self.height - rows * scale), (0, self.width - columns * scale))
        return np.pad(plane, missing, mode="edge") if any(after for _, after in missing) else plane


def luma(rgb: RgbImage) -> Plane:
    """(H, W) brightness of an (H, W, 3) picture, 0..255, not rounded."""
    return rgb.astype(np.float32) @ LUMA


def blocks(plane: Plane) -> Blocks:
    """An (8h, 8w) plane as (h, w, 8, 8)."""
    rows, columns = plane.shape[0] // BLOCK_PX, plane.shape[1] // BLOCK_PX
    return plane.reshape(rows, BLOCK_PX, columns, BLOCK_PX).swapaxes(1, 2)


def surroundings(of_luma: Blocks) -> Mapping[str, Plane]:
    """What a fair comparison has to hold equal, one (h, w) grid each.

    Returns:
        `brightness`: mean grey level, 0..255.
        `clipped`: share of pixels too dark or too bright to carry noise, 0..1.
        `fine_texture`: mean absolute step between neighbouring pixels, right plus down, grey levels.
        `coarse_texture`: the same between neighbouring 2 x 2 means.
    """
    rows, columns = of_luma.shape[:2]
    halved = of_luma.reshape(rows, columns, 4, 2, 4, 2).mean(axis=(3, 5))
    clipped = (of_luma < CLIPPED_LOW) | (of_luma > CLIPPED_HIGH)
    return {
        "brightness": of_luma.mean(axis=(2, 3)),
        "clipped": clipped.mean(axis=(2, 3), dtype=np.float32),
        "fine_texture": _steps(of_luma),
        "coarse_texture": _steps(halved),
    }


def _steps(of_luma: Blocks) -> Plane:
    across = np.abs(np.diff(of_luma, axis=3)).mean(axis=(2, 3))
    down = np.abs(np.diff(of_luma, axis=2)).mean(axis=(2, 3))
    return np.asarray(across + down, dtype=np.float32)


def flat_share(rgb: RgbImage) -> float:
    """Share of the whole 8 x 8 blocks, 0..1, whose pixels differ by at most FLAT_LEVELS in every channel.

    Photographs have few, drawings and screenshots many; 0 for a picture without a whole block.
    """
    rows, columns = rgb.shape[0] // BLOCK_PX, rgb.shape[1] // BLOCK_PX
    if not rows * columns:
        return 0.0
    lines = rgb[: rows * BLOCK_PX, : columns * BLOCK_PX].reshape(rows, BLOCK_PX, -1)  # down first: contiguous
    high, low = (of.reshape(rows, columns, BLOCK_PX, 3) for of in (lines.max(axis=1), lines.min(axis=1)))
    spread = high.max(axis=2) - low.min(axis=2)
    return float((spread <= FLAT_LEVELS).all(axis=-1).mean())
