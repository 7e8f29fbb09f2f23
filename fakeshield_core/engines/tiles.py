"""Large pictures in pieces: the fewest even, overlapping tiles, and one map from theirs without seams."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fakeshield_core.domain import Logits, Plane

TILE = 1280  # pixels; the longest side the transformer sees at once
OVERLAP = 192  # pixels shared by two neighbours, at least, less half a step of GRID at either end
GRID = 16  # pixels; tiles start on the JPEG grid (8), and on whole cells of the coarsest features
MOST_PIXELS = 2048 * 2048


@dataclass(frozen=True, slots=True)
class Tile:
    """A window of the padded picture, in pixels, all multiples of 16."""

    top: int
    left: int
    height: int
    width: int


def padded_side(length: int) -> int:
    """The next multiple of 16 pixels."""
    return math.ceil(length / GRID) * GRID


def spread(length: int) -> tuple[tuple[int, ...], int]:
    """Starts and common size of the fewest tiles of at most 1280 px covering a padded side, evenly spread.

    Args:
        length: padded side in pixels, a multiple of 16.
    """
    if length <= TILE:
        return (0,), length
    count = 1 + math.ceil((length - TILE) / (TILE - OVERLAP))
    size = min(TILE, padded_side(math.ceil((length + OVERLAP * (count - 1)) / count)))
    starts = [round(k * (length - size) / (count - 1) / GRID) * GRID for k in range(count)]
    return tuple(starts), size


def tiles_for(height: int, width: int) -> tuple[Tile, ...]:
    """Tiles covering a picture of that size, row by row."""
    tops, tall = spread(padded_side(height))
    lefts, wide = spread(padded_side(width))
    return tuple(Tile(top, left, tall, wide) for top in tops for left in lefts)


def analysed_size(height: int, width: int) -> tuple[int, int]:
    """The size a picture is analysed at: its own, or the largest of its shape within four megapixels."""
    if height * width <= MOST_PIXELS:
        return height, width
    scale = math.sqrt(MOST_PIXELS / (height * width))
    return max(16, math.floor(height * scale)), max(16, math.floor(width * scale))


def blended(pieces: Sequence[tuple[Tile, Logits]], height: int, width: int, stride: int) -> Logits:
    """One map of the padded picture from the maps of its tiles.

    Towards a neighbour the weight of a map falls linearly over what both see.

    Args:
        pieces: tiles and their (tile.height / stride, tile.width / stride) logits.
        height: padded picture height in pixels; width likewise.
        stride: pixels in a map cell.
    """
    total = np.zeros((height // stride, width // stride), np.float32)
    weight = np.zeros_like(total)
    for tile, logits in pieces:
        top, left = tile.top // stride, tile.left // stride
        ramp = np.outer(
            _ramp(logits.shape[0], OVERLAP // stride, top > 0, tile.top + tile.height < height),
            _ramp(logits.shape[1], OVERLAP // stride, left > 0, tile.left + tile.width < width),
        )
        window = np.s_[top : top + logits.shape[0], left : left + logits.shape[1]]
        total[window] += logits * ramp
        weight[window] += ramp
    mixed: Logits = total / weight
    return mixed


def _ramp(length: int, overlap: int, falls_before: bool, falls_after: bool) -> Plane:
    """Weights along one side of a tile: 1 inside, falling to near 0 towards a neighbour."""
    weights = np.ones(length, np.float32)
    slope = (np.arange(overlap, dtype=np.float32) + 0.5) / overlap
    if falls_before:
        weights[:overlap] = slope
    if falls_after:
        weights[-overlap:] *= slope[::-1]
    return weights
